"""When the bucket moves certificates to cheaper storage: infrequent access after 30 days, the archive after 365."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from reference.certificates.port import StorageUnavailable
from reference.certificates.s3 import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

RULE = "tailguard-certificates"
AFTER_DAYS = {"STANDARD_IA": 30, "GLACIER": 365}
PARTS_DAYS = 7  # what a killed worker left of an upload in parts
NO_POLICY = "NoSuchLifecycleConfiguration"
# What servers answer that have no such storage classes, or no such policies at all.
CANNOT = frozenset({"NotImplemented", "MalformedXML", "InvalidStorageClass", "MethodNotAllowed"})

Rule = Mapping[str, Any]  # as S3 and boto3 have it


class LifecycleUnsupported(StorageUnavailable):
    """The S3 server keeps no such policy."""

    code = "LIFECYCLE_UNSUPPORTED"


class Lifecycle:
    """The policy of one bucket for the keys below a prefix; rules for anything else stay as they are."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "") -> None:
        self._client, self._bucket, self._prefix = client, bucket, prefix

    def rules(self) -> Sequence[Rule]:
        """Return all rules of the bucket. Raises StorageUnavailable."""
        try:
            return self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)["Rules"]
        except ClientError as error:
            if error_code(error) == NO_POLICY:
                return []
            raise self._failed("read", error) from error
        except BotoCoreError as error:
            raise self._failed("read", error) from error

    def write(self) -> None:
        """Put our rule in place, beside those of others. Raises LifecycleUnsupported, StorageUnavailable."""
        others = [rule for rule in self.rules() if rule.get("ID") != RULE]
        rules: Any = {"Rules": [*others, rule_for(self._prefix)]}  # boto3 types each literal of it
        try:
            self._client.put_bucket_lifecycle_configuration(Bucket=self._bucket, LifecycleConfiguration=rules)
        except (BotoCoreError, ClientError) as error:
            raise self._failed("write", error) from error

    def problems(self) -> tuple[str, ...]:
        """Return what the bucket's policy lacks for our keys, in words; nothing if it is as it should be."""
        return tuple(problems_of(self.rules(), self._prefix))

    def _failed(self, verb: str, error: Exception) -> StorageUnavailable:
        code = error_code(error) if isinstance(error, ClientError) else type(error).__name__
        if code in CANNOT:
            return LifecycleUnsupported(
                f"could not {verb} the lifecycle policy of {self._bucket}: this server has no such storage classes"
                f" ({code})"
            )
        return StorageUnavailable(f"could not {verb} the lifecycle policy of {self._bucket}: {code}")


def rule_for(prefix: str) -> dict[str, Any]:  # Any: as boto3 takes it
    """Return the rule that moves what lies below `prefix`."""
    moves = [{"Days": days, "StorageClass": storage} for storage, days in AFTER_DAYS.items()]
    return {
        "ID": RULE,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "Transitions": moves,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": PARTS_DAYS},
    }


def problems_of(rules: Sequence[Rule], prefix: str) -> Iterator[str]:
    """Yield what is wrong with the rules that touch keys below `prefix`."""
    found = next((rule for rule in rules if rule.get("ID") == RULE), None)
    if found is None:
        yield f"there is no rule {RULE}: write it with `tailguard certificates lifecycle write`"
    elif found.get("Status") != "Enabled":
        yield f"the rule {RULE} is switched off"
    elif _below(found) != prefix:
        yield f"the rule {RULE} is for keys that begin with {_below(found)!r}, not {prefix!r}"
    else:
        moves = {each["StorageClass"]: each.get("Days") for each in found.get("Transitions", [])}
        for storage, days in AFTER_DAYS.items():
            if moves.get(storage) != days:
                yield f"it moves to {storage} after {moves.get(storage, 'no')} days, not {days}"
        if not found.get("AbortIncompleteMultipartUpload"):
            yield "it keeps the parts of uploads that were cut off for ever"
    for rule in rules:
        if rule.get("Expiration") and rule.get("Status") == "Enabled" and _touches(rule, prefix):
            name = rule.get("ID", "without a name")
            yield f"the rule {name} deletes keys that begin with {_below(rule)!r}: certificates are kept"


def _touches(rule: Rule, prefix: str) -> bool:
    below = _below(rule)
    return prefix.startswith(below) or below.startswith(prefix)


def _below(rule: Rule) -> str:
    """Return what the keys of a rule begin with; servers of old have it outside of the filter."""
    return str(rule.get("Filter", {}).get("Prefix", rule.get("Prefix", "")))
