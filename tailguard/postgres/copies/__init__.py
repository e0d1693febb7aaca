"""Databases that are filled once and copied: the blocks of a duet work on the same rows without making them anew.

Copied with the strategy wal_log, a third of the time of seeding the same rows; file_copy makes two checkpoints, takes
as long as seeding, and leaves pages whose first change writes a full image.
"""
