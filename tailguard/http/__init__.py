"""HTTP: connections that are kept for each thread, or by whoever makes the load."""

from tailguard.base.answered import Answered
from tailguard.http.connections import Exchange, HttpConnections, check_address
from tailguard.http.tls import Tls, tls_in

__all__ = ["Answered", "Exchange", "HttpConnections", "Tls", "check_address", "tls_in"]
