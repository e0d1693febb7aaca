"""What `locust -f scenarios` finds: a User class for each journey that can be played over HTTP."""

from tailguard.locust import users

globals().update(users(__file__))
