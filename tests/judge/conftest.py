"""Property tests of this room are bounded and the same on every machine: no deadline, no fresh seed."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("steady")
