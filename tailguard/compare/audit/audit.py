"""Export a run as one file, and check such a file."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.reading import json_text
from tailguard.compare import verification
from tailguard.compare.audit.archive import AuditError, Member, opened, write_archive
from tailguard.compare.audit.statement import Statement, statement_of
from tailguard.compare.verification.difference import differences
from tailguard.record.files import RECORD, REPORTS, sha256_of
from tailguard.record.run import Run
from tailguard.record.run_record import RunRecord

T = TypeVar("T")

SUFFIX = ".tar.zst"
STATEMENT, VERIFIED, RUN = "statement.json", "verify.json", "run/"
# Three times what a record of 10,000 verdicts and the files of 5,000 blocks takes.
_MOST_STATEMENT_BYTES = 8 << 20
_SHOWN = 5  # differences in one message; `tailguard verify` lists all of a run that is at hand


@dataclass(frozen=True, slots=True)
class Checked:
    """An audit that is whole: the record in it, how many files, and what the chain of runs lacked when it was made."""

    record: RunRecord
    files: int
    gaps: Sequence[str]


def export(run: Run, path: Path) -> None:
    """Write a finished run as an audit.

    Raises:
        UsageError: `path` cannot be written or has another suffix, or the run has not ended.
        AuditError: the run does not verify.
    """
    if not path.name.endswith(SUFFIX):
        raise UsageError(f"{path}: an audit is a tar packed by zstd. Name a file that ends with {SUFFIX}.")
    if run.record.exit_code is None:
        raise UsageError(
            f"{run.folder} has no exit code: the run has not ended, or was killed. Audit another one."
        )
    if found := verification.verify(run):
        raise AuditError(
            f"{run.folder} does not follow from its files in {len(found)} places, so there is nothing to attest."
            f" `tailguard verify {run.folder}` names them."
        )
    verified = verification.as_json(run, found, verification.gaps(run)).encode()
    paths = {RUN + name: path for name, path in _files_of(run).items()}
    hashes = {name: sha256_of(path) for name, path in paths.items()}
    hashes[VERIFIED] = hashlib.sha256(verified).hexdigest()
    statement = msgspec.json.format(msgspec.json.encode(statement_of(run.record, hashes)), indent=1) + b"\n"
    write_archive(path, {STATEMENT: statement, **paths, VERIFIED: verified})


def _files_of(run: Run) -> dict[str, Path]:
    reports = {name: run.folder / name for name in REPORTS if (run.folder / name).exists()}
    return {RECORD: run.folder / RECORD, **run.raw_files(), **reports}


def check(path: Path) -> Checked:
    """Return what a whole audit holds.

    Raises:
        UsageError: there is no such file, or no room to unpack it.
        AuditError: anything in it differs.
    """
    with opened(path) as members, _room_for(path) as folder:
        try:
            return _checked(_unpacked(members, folder), folder)
        except (TailguardError, json_text.JsonError) as error:
            why = str(error).replace(f"{folder}/", "").rstrip(".")
            raise AuditError(
                f"{path} is not as it was written: {why}. Get it again from where it was made."
            ) from error


@contextmanager
def _room_for(path: Path) -> Iterator[Path]:
    try:
        with TemporaryDirectory(prefix="tailguard-audit-") as folder:
            yield Path(folder).resolve()
    except OSError as error:
        raise UsageError(
            f"Cannot unpack {path}: {error.strerror}. Free space, or let TMPDIR name another folder."
        ) from error


def _unpacked(members: Iterator[Member], folder: Path) -> Statement:
    """Write the files into the folder, each of which must be the one that the statement names."""
    first = next(members, None)
    if first is None or first.name != STATEMENT or first.size > _MOST_STATEMENT_BYTES:
        raise AuditError(f"it does not begin with its {STATEMENT}")
    statement = _decoded(b"".join(first.content), Statement)
    missing = statement.files
    for member in members:
        stated = missing.pop(member.name, None)
        if stated is None:
            raise AuditError(f"it holds {member.name}, which its statement does not name")
        if _written(folder / member.name, member.content) != stated:
            raise AuditError(f"{member.name} has another SHA-256 than its statement says")
    if missing:
        raise AuditError(f"it lacks {', '.join(missing)}")
    return statement


def _written(path: Path, content: Iterable[bytes]) -> str:
    """Write a file and return its SHA-256. Its name is one of those that an audit may hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in content:
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


class _Verified(msgspec.Struct, forbid_unknown_fields=True):
    """What `tailguard verify --json` said when the audit was made."""

    run: str
    same: bool
    differences: Sequence[msgspec.Raw]
    gaps: Sequence[str]


def _checked(statement: Statement, folder: Path) -> Checked:
    for name in (RUN + RECORD, VERIFIED):
        if name not in statement.files:
            raise AuditError(f"it lacks {name}")
    run = Run.load(folder / RUN)
    found = verification.verify(run)
    stated, again = (
        msgspec.to_builtins(each) for each in (statement, statement_of(run.record, statement.files))
    )
    found += differences(stated, again, "statement")
    if found:
        told = "; ".join(
            f"{each.where} is {each.recorded!r}, recomputed {each.recomputed!r}" for each in found[:_SHOWN]
        )
        raise AuditError(f"{len(found)} places do not follow from its files: {told}")
    verified = _decoded((folder / VERIFIED).read_bytes(), _Verified)
    if verified.run != run.record.id or not verified.same or verified.differences:
        raise AuditError(f"{VERIFIED} does not say that this run was verified")
    return Checked(run.record, len(statement.files), verified.gaps)


def _decoded(content: bytes, kind: type[T]) -> T:
    value = json_text.decode(content, kind)
    json_text.refuse_ambiguous(content)
    return value
