"""What `locust -f scenarios` finds: a User class for each journey that can be played over HTTP."""

from tailguard.locust import users

# Three play on what they make themselves, which nobody can over HTTP. Locust plays all that it finds together: large
# certificates would take the network from the others.
NOT_HERE = ["certificate_migration", "tournament_view", "notification_queue", "large_certificate_upload"]
globals().update(users(__file__, without=NOT_HERE))
