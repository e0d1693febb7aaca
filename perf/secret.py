"""The secret that signs the tokens of `tailguard serve`: the server and its clients both read it here."""

from collections.abc import Mapping

VARIABLE = "DELTACROWN_SECRET"
# A duet gives one to each server that it starts, and to the suite.
OF_A_DUET = "TAILGUARD_TARGET_SECRET"


def secret_in(environ: Mapping[str, str]) -> str:
    """Return the secret, "" if there is none."""
    return environ.get(VARIABLE) or environ.get(OF_A_DUET, "")
