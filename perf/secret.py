"""The secret that signs the tokens of a server of `tailguard serve`: both it and who asks it look for it here."""

from collections.abc import Mapping

VARIABLE = "DELTACROWN_SECRET"
# A duet gives one to each server that it starts, and to the suite.
OF_A_DUET = "TAILGUARD_TARGET_SECRET"


def secret_in(environ: Mapping[str, str]) -> str:
    """Return the secret, "" if there is none."""
    return environ.get(VARIABLE) or environ.get(OF_A_DUET, "")
