"""HTTP: connections that are kept for each thread, or by the load generator; log-ins, and texts with places."""

from tailguard.base.answered import Answered
from tailguard.http.connections import Exchange, HttpConnections, check_address
from tailguard.http.declared.format import JwtLogin, Login, Method, RowsTable, Status, Table, TargetTable
from tailguard.http.declared.login import Credential, Door, LoginError, renewed, with_secrets
from tailguard.http.declared.reading import convert, login_in
from tailguard.http.declared.rows import read_rows
from tailguard.http.template import fill, fill_text, fill_texts, places
from tailguard.http.tls import Tls, tls_in

__all__ = [
    "Answered",
    "Credential",
    "Door",
    "Exchange",
    "HttpConnections",
    "JwtLogin",
    "Login",
    "LoginError",
    "Method",
    "RowsTable",
    "Status",
    "Table",
    "TargetTable",
    "Tls",
    "check_address",
    "convert",
    "fill",
    "fill_text",
    "fill_texts",
    "login_in",
    "places",
    "read_rows",
    "renewed",
    "tls_in",
    "with_secrets",
]
