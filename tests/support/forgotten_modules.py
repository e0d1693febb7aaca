"""Suites in temporary folders: what is imported from one is forgotten, so that the next may have the same names."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def forgetting(folder: Path) -> Iterator[None]:
    """Forget the modules of `folder` at the end, and what was put on the path."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(folder):
            del sys.modules[name]
