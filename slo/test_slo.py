"""The guards of DeltaCrown's suite: `pytest -m performance` measures it and asserts what it promises."""

from tailguard.guards import *  # noqa: F403  # the tests and fixtures of the product, for this suite
