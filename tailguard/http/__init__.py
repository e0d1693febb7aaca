"""HTTP: connections that are kept for each thread, or by whoever makes the load."""

from tailguard.http.connections import Exchange, HttpConnections, is_address

__all__ = ["Exchange", "HttpConnections", "is_address"]
