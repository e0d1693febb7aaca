"""What `locust -f scenarios` finds: a User class for each journey that can be played over HTTP."""

from tailguard.locust import users

# certificate_migration switches the flags of the very platform that it measures, which nobody can over HTTP.
globals().update(users(__file__, without=["certificate_migration"]))
