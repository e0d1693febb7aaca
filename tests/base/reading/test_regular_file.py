"""A pipe or a device is refused before it is read, wherever a user may name a file."""

import os
from pathlib import Path

import pytest

from perf.mapping.target import load_mapping
from tailguard.base.errors import UsageError
from tailguard.base.reading.regular_file import MOST_BYTES, read_text
from tailguard.base.reading.toml_file import read_toml
from tailguard.config.suite_table import nearest_file
from tailguard.http.tls import read_tls, tls_in
from tailguard.judge.objectives import load_objectives
from tailguard.migrations.text.sql import read_sql
from tailguard.suite.rows import Rows

READERS = {
    "configuration": read_toml,
    "objectives": load_objectives,
    "target": lambda path: read_tls(str(path)),
    "mapping": load_mapping,
    "authorities": lambda path: tls_in({"ca_file": str(path)}, Path("/"), "t.toml: [target]"),
    "migration": read_sql,
    "rows": lambda path: Rows(path, "cycle", "perf_shop", "perf_shop.py:3").values,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_what_has_no_end_is_refused_wherever_a_user_may_name_a_file(tmp_path, name, kind):
    os.mkfifo(tmp_path / "pipe")
    path = {"device": Path("/dev/zero"), "pipe": tmp_path / "pipe", "folder": tmp_path}[kind]
    with pytest.raises(UsageError, match="a folder" if kind == "folder" else "a pipe or a device"):
        READERS[name](path)


def test_a_project_file_that_is_a_pipe_is_passed_over(tmp_path):
    os.mkfifo(tmp_path / "pyproject.toml")
    assert nearest_file(tmp_path) != tmp_path / "pyproject.toml"


def test_a_file_of_samples_named_by_mistake_is_not_read_to_its_end(tmp_path):
    (path := tmp_path / "huge.toml").write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(UsageError, match=r"Cannot read .*huge\.toml: it has more than 4 MiB"):
        read_text(path)


def test_a_byte_order_mark_is_none_of_the_text(tmp_path):
    (path := tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfseed = 1")
    assert read_text(path) == "seed = 1"


def test_text_of_another_code_page_is_told_with_its_line(tmp_path):
    (path := tmp_path / "a.toml").write_bytes("a = 1\n# Größe".encode("latin-1"))
    with pytest.raises(UsageError, match=r"a\.toml, line 2: it is not UTF-8 text"):
        read_text(path)


def test_a_name_that_no_system_takes_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"Cannot read .*: embedded null byte"):
        read_text(tmp_path / "a\0b")
