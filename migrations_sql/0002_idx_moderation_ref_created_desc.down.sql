-- CONCURRENTLY, for a plain DROP INDEX waiting behind one open transaction makes every later reader queue behind it.
DROP INDEX CONCURRENTLY idx_moderation_ref_created_desc;
