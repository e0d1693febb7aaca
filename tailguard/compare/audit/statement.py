"""What an audit attests: an in-toto Statement v1 of the run's files and its commit, with a test result.

The formats are https://github.com/in-toto/attestation, spec/v1/statement.md and spec/predicates/test-result.md.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from tailguard.base.state import State
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ProofVerdict, Verdict

Result = Literal["PASSED", "FAILED"]


class Resource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something with a hash: {"sha256": hex}, of a commit {"gitCommit": hex}."""

    name: str
    digest: Mapping[str, str]
    annotations: Mapping[str, bool] = {}


class TestResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The predicate. WARNED would be a pass: what is INCONCLUSIVE or INVALID has FAILED. run.json tells them apart."""

    result: Result
    configuration: tuple[Resource, ...]
    passed_tests: tuple[str, ...]
    warned_tests: tuple[str, ...]
    failed_tests: tuple[str, ...]


class Statement(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is attested of which files."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(
        name="_type", default="https://in-toto.io/Statement/v1"
    )
    subject: tuple[Resource, ...]
    predicate_type: Literal["https://in-toto.io/attestation/test-result/v0.1"] = (
        "https://in-toto.io/attestation/test-result/v0.1"
    )
    predicate: TestResult

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each file, by its name in the audit."""
        return {each.name: each.digest["sha256"] for each in self.subject if "sha256" in each.digest}


def statement_of(record: RunRecord, files: Mapping[str, str]) -> Statement:
    """Return what a run's record says, and the hashes of its files."""
    subjects = [Resource(name=name, digest={"sha256": sha256}) for name, sha256 in files.items()]
    git = record.environment.git
    if git.commit is not None:
        changed = {"dirty": True} if git.dirty else {}
        subjects.append(Resource(name="commit", digest={"gitCommit": git.commit}, annotations=changed))
    tests = {_name(each): each.state is State.PASS for each in record.verdicts}
    for slug, entry in record.scenarios.items():
        tests |= {f"{slug}: {each.name}": each.held for each in entry.invariants}
    return Statement(
        subject=tuple(subjects),
        predicate=TestResult(
            result="PASSED" if record.state is State.PASS else "FAILED",
            configuration=(Resource(name="config", digest={"sha256": record.config_sha256}),),
            passed_tests=tuple(name for name, passed in tests.items() if passed),
            warned_tests=(),
            failed_tests=tuple(name for name, passed in tests.items() if not passed),
        ),
    )


def _name(verdict: Verdict) -> str:
    """Proofs of several migrations ask the same questions."""
    return f"{verdict.migration} {verdict.name}" if isinstance(verdict, ProofVerdict) else verdict.name
