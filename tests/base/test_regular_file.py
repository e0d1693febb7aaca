"""A pipe or a device is refused before it is read."""

import os
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.layers import read_toml
from tailguard.http.tls import read_tls
from tailguard.judge.objectives import load_objectives


@pytest.mark.parametrize("read", [read_toml, load_objectives, lambda path: read_tls(str(path))])
@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_what_has_no_end_is_refused_wherever_a_user_may_name_a_file(tmp_path, read, kind):
    os.mkfifo(tmp_path / "pipe")
    path = {"device": Path("/dev/zero"), "pipe": tmp_path / "pipe", "folder": tmp_path}[kind]
    with pytest.raises(UsageError, match="a folder" if kind == "folder" else "a pipe or a device"):
        read(path)
