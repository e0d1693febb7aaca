"""A run's folder may come from a stranger: nothing is written through a link, and no name leaves the folder."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.base.errors import UsageError
from tailguard.record.files import check_writable, plain_name, stage, subfolder, unstage, write_file


@pytest.mark.parametrize("name", ["report.html", "report.html.part"])
def test_a_link_in_a_runs_folder_is_replaced_and_never_written_through(tmp_path, name):
    theirs = tmp_path / "bashrc"
    theirs.write_text("export A=1", encoding="utf-8")
    (tmp_path / name).symlink_to(theirs)
    write_file(tmp_path / "report.html", "the page")
    assert theirs.read_text(encoding="utf-8") == "export A=1"
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "the page"
    assert not (tmp_path / "report.html").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bashrc", "report.html"]


def test_a_hard_link_in_a_runs_folder_keeps_what_it_held(tmp_path):
    theirs = tmp_path / "bashrc"
    theirs.write_text("export A=1", encoding="utf-8")
    os.link(theirs, tmp_path / "run.md.part")
    with stage(tmp_path / "run.md") as file:
        file.write(b"the page")
    unstage(tmp_path / "run.md")
    assert theirs.read_text(encoding="utf-8") == "export A=1"


def test_a_folder_of_a_run_that_is_a_link_is_refused(tmp_path):
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (tmp_path / "plans").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        subfolder(tmp_path, "plans")
    assert subfolder(tmp_path, "blocks") == subfolder(tmp_path, "blocks")


@given(st.text(max_size=400))
def test_whatever_a_record_says_makes_a_name_inside_one_folder(text):
    name = plain_name(text)
    assert name
    assert "/" not in name
    assert "\0" not in name
    assert name not in {".", ".."}
    assert not name.startswith(".")
    assert name.isprintable()


def test_a_folder_in_the_place_of_latest_is_named_before_anything_is_made(tmp_path):
    (tmp_path / "latest").mkdir()
    with pytest.raises(UsageError, match="latest is a folder"):
        check_writable(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


def test_a_umask_that_takes_our_own_rights_is_named(tmp_path):
    before = os.umask(0o777)
    try:
        with pytest.raises(UsageError, match="umask 777"):
            check_writable(tmp_path)
    finally:
        os.umask(before)
