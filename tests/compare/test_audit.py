"""The file of an audit: the same bytes twice, and refused in words for whatever is not as it was written."""

import hashlib
import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tarfile import TarInfo

import pyarrow as pa
import pytest

from tailguard.base.errors import UsageError
from tailguard.compare.audit import archive
from tailguard.compare.audit.archive import AuditError
from tailguard.compare.audit.audit import check, export
from tailguard.record.run import Run
from tests.support.finished_runs import KINDS, finished_run
from tests.support.forgery import another_verdict, rewrite

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finished_run("run", tmp_path_factory.mktemp("runs"))


@pytest.fixture
def audit(finished: Run, tmp_path: Path) -> Path:
    export(finished, path := tmp_path / "run.tar.zst")
    return path


def unpacked(path: Path) -> bytes:
    with pa.CompressedInputStream(str(path), "zstd") as stream:
        return bytes(stream.read())


def files_of(path: Path) -> Files:
    with tarfile.open(fileobj=BytesIO(unpacked(path))) as tar:
        return {each.name: file.read() for each in tar if (file := tar.extractfile(each))}


def pack(path: Path, content: bytes) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as packed:
        packed.write(content)


def write(path: Path, files: Files) -> None:
    archive.write_archive(path, files)


def restated(files: Files) -> Files:
    """The same files, with a statement that has their hashes: what somebody would do who changes one."""
    statement = json.loads(files["statement.json"])
    commit = [each for each in statement["subject"] if each["name"] == "commit"]
    hashes = {name: hashlib.sha256(files[name]).hexdigest() for name in files if name != "statement.json"}
    subjects = [{"name": name, "digest": {"sha256": digest}} for name, digest in hashes.items()]
    return files | {"statement.json": json.dumps(statement | {"subject": subjects + commit}).encode()}


def refused(path: Path) -> str:
    with pytest.raises(AuditError) as caught:
        check(path)
    assert str(path) in str(caught.value)
    assert "/tailguard-audit-" not in str(caught.value)
    return str(caught.value)


@pytest.mark.system
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_every_kind_is_exported_to_the_same_bytes_twice_and_checks(
    kind: str, tmp_path: Path
) -> None:
    run = finished_run(kind, tmp_path)
    for name in ("one", "two"):
        export(run, tmp_path / f"{name}.tar.zst")
    assert (tmp_path / "one.tar.zst").read_bytes() == (tmp_path / "two.tar.zst").read_bytes()
    assert check(tmp_path / "one.tar.zst").record == run.record


def test_the_statement_is_an_in_toto_test_result_over_every_file(audit: Path, finished: Run) -> None:
    files = files_of(audit)
    statement = json.loads(files.pop("statement.json"))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    hashes = {each["name"]: each["digest"] for each in statement["subject"]}
    commit = finished.record.environment.git.commit
    assert hashes.pop("commit", None) == (commit and {"gitCommit": commit})
    assert hashes == {name: {"sha256": hashlib.sha256(files[name]).hexdigest()} for name in files}
    assert {"run/run.json", "run/samples.parquet", "verify.json"} <= set(files)
    passed = {each.name for each in finished.record.verdicts if each.state == "PASS"}
    assert passed <= set(statement["predicate"]["passedTests"])


def test_a_tar_of_other_tools_reads_it(audit: Path) -> None:
    with tarfile.open(fileobj=BytesIO(unpacked(audit)), format=tarfile.USTAR_FORMAT) as tar:
        assert {each.mtime for each in tar} == {0}


def test_each_changed_byte_of_what_it_holds_is_found(audit: Path) -> None:
    content = unpacked(audit)
    for place in range(0, len(content), max(1, len(content) // 25)):
        changed = bytearray(content)
        changed[place] ^= 1
        pack(audit, bytes(changed))
        refused(audit)


def test_a_damaged_file_is_refused(audit: Path) -> None:
    whole = audit.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        whole[:3],
        b"",
        whole + whole,
        whole + b"more",
        b"PK\3\4" + whole,
    ):
        audit.write_bytes(damaged)
        refused(audit)


def test_a_file_that_is_missing_is_named(audit: Path) -> None:
    files = files_of(audit)
    del files["run/samples.parquet"]
    write(audit, files)
    assert "lacks run/samples.parquet" in refused(audit)
    write(audit, restated(files))
    assert "files.samples.parquet" in refused(audit)


def test_a_file_that_was_added_is_named(audit: Path) -> None:
    files = files_of(audit) | {"run/plans/other.json": b"[]"}
    write(audit, files)
    assert "run/plans/other.json, which its statement does not name" in refused(audit)
    write(audit, restated(files))
    assert "files.plans/other.json" in refused(audit)


@pytest.mark.parametrize("name", ["run/run.json", "verify.json"])
def test_what_every_audit_has_is_missed(audit: Path, name: str) -> None:
    files = files_of(audit)
    del files[name]
    write(audit, restated(files))
    assert f"lacks {name}" in refused(audit)


def test_another_verdict_is_found_though_all_hashes_were_mended(audit: Path, tmp_path: Path) -> None:
    run = finished_run("run", tmp_path)
    rewrite(run, another_verdict(run.record, 0))
    with pytest.raises(AuditError, match="nothing to attest"):
        export(Run.load(run.folder), audit)
    files = files_of(audit)
    write(audit, restated(files | {"run/run.json": (run.folder / "run.json").read_bytes()}))
    assert "do not follow from its files" in refused(audit)


def test_a_statement_that_says_more_than_the_run_is_refused(audit: Path) -> None:
    files = files_of(audit)
    statement = json.loads(files["statement.json"])
    statement["predicate"]["passedTests"].append("everything")
    write(audit, files | {"statement.json": json.dumps(statement).encode()})
    assert "statement.predicate.passedTests" in refused(audit)


def test_a_verification_that_found_something_is_refused(audit: Path) -> None:
    files = files_of(audit)
    verified = json.loads(files["verify.json"]) | {"same": False}
    write(audit, restated(files | {"verify.json": json.dumps(verified).encode()}))
    assert "verify.json does not say" in refused(audit)


def as_link(info: TarInfo) -> None:
    info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0


def as_hard_link(info: TarInfo) -> None:
    info.type, info.linkname, info.size = tarfile.LNKTYPE, "statement.json", 0


def as_device(info: TarInfo) -> None:
    info.type, info.size = tarfile.CHRTYPE, 0


def as_long_header(info: TarInfo) -> None:
    info.type = tarfile.XHDTYPE


def outside(info: TarInfo) -> None:
    info.name = "run/plans/../../../evil.json"


def absolute(info: TarInfo) -> None:
    info.name = "/tmp/evil.json"  # a name, never written


def foreign(info: TarInfo) -> None:
    info.name = "run/evil.sh"


def owned(info: TarInfo) -> None:
    info.uid, info.uname = 1000, "somebody"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (as_link, "is a link"),
        (as_hard_link, "is a link"),
        (as_device, "is not a plain file"),
        (as_long_header, "is not a plain file"),
        (outside, "leaves the folder"),
        (absolute, "leaves the folder"),
        (foreign, "does not belong"),
        (owned, "has an owner"),
    ],
)
def test_what_a_tar_may_hold_and_an_audit_may_not_is_refused(
    audit: Path, change: Callable[[TarInfo], None], said: str
) -> None:
    out = BytesIO()
    files = files_of(audit)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            info = TarInfo(name)
            info.size = len(content)
            if name == "run/samples.parquet":
                change(info)
            tar.addfile(info, BytesIO(content))
    pack(audit, out.getvalue())
    assert said in refused(audit)


def test_a_bomb_is_refused_before_it_is_unpacked(audit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of(audit)
    monkeypatch.setattr(archive, "MOST_BYTES", len(files["statement.json"]) + 1000)
    assert "take more than" in refused(audit)


def test_a_file_that_stands_twice_is_refused(audit: Path) -> None:
    content = unpacked(audit)
    first = content[: 512 + -(-len(files_of(audit)["statement.json"]) // 512) * 512]
    pack(audit, first + content)
    assert "twice" in refused(audit)


def test_a_run_that_has_not_ended_is_refused(finished: Run, tmp_path: Path) -> None:
    running = Run(finished.folder, finished.record)
    running._put(exit_code=None)
    with pytest.raises(UsageError, match="not ended"):
        export(running, tmp_path / "run.tar.zst")


def test_another_suffix_is_refused(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends with \.tar\.zst"):
        export(finished, tmp_path / "run.tar.gz")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.tar.zst", "No such file"), (tmp_path, "it is a folder")):
        with pytest.raises(UsageError, match=said):
            check(path)
