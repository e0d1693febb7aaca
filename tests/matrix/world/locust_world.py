"""The journey that Locust plays."""

from tailguard.locust import users

globals().update(users(__file__, without=["tell"]))
