"""How a target's TLS certificate is checked: `verify_tls` and `ca_file` of the [target] in its file."""

import ssl
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.reading.regular_file import read_text
from tailguard.base.reading.toml_file import read_toml


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


def tls_in(target: Mapping[str, object], folder: Path, where: str) -> Tls:
    """Return what a [target] says; `folder` is that of its file. Raises UsageError for authorities it cannot read."""
    verify, authorities = target.get("verify_tls", True) is not False, ""
    if "ca_file" in target:
        path = folder / str(target["ca_file"])
        try:
            authorities = read_text(path)
            ssl.create_default_context(cadata=authorities)
        except (UsageError, OSError, ValueError) as error:
            raise UsageError(f"{where}: cannot read the certificates in ca_file {path}: {error}") from error
    return Tls(verify, authorities)


def read_tls(file: str) -> Tls:
    """Return what the [target] of a file says, "" for no file. Raises UsageError for what cannot be read."""
    if not file:
        return Tls()
    path = Path(file)
    return tls_in(read_toml(path)[0].get("target", {}), path.parent, f"{path}: [target]")
