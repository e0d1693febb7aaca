"""How a target's TLS certificate is checked: `verify_tls` and `ca_file` of its file's [target]."""

import ssl
import tomllib
from pathlib import Path

import msgspec

from tailguard.base.errors import UsageError


class Tls(msgspec.Struct, frozen=True):
    """`ca_pem` are the certificates of the authorities that are believed, "" for the machine's own."""

    verify: bool = True
    ca_pem: str = ""

    def context(self) -> ssl.SSLContext:
        """Return it as sockets take it."""
        context = ssl.create_default_context(cadata=self.ca_pem or None)
        if not self.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def read_tls(file: str) -> Tls:
    """Return what a target's file says of its certificate, "" for no file. Raises UsageError naming the file."""
    if not file:
        return Tls()
    path = Path(file)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("target", {})
        authorities = (
            (path.parent / table["ca_file"]).read_text(encoding="ascii") if "ca_file" in table else ""
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: [target] cannot be read: {error}") from error
    return Tls(verify=table.get("verify_tls", True) is not False, ca_pem=authorities)
