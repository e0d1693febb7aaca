"""A record cut to what a page can hold: the gravest first, long texts cut, and what was left out is counted."""

from collections.abc import Sized

import msgspec
from msgspec.structs import replace

from tailguard.record.part import Json
from tailguard.record.run_json import decode, encode, plain
from tailguard.record.run_record import RunRecord
from tailguard.record.verdict import ObjectiveVerdict

# A record of twenty scenarios with all their verdicts has a fifth of this; a page shows less than its record holds.
_MOST_BYTES = 500_000
# The charts of a scenario take 0.1 s and 100 kB: those of ten fill a page.
_MOST_SCENARIOS, _MOST_VERDICTS, _MOST_DOUBTS, _LONGEST_TEXT = 10, 200, 100, 1000


def shortened(record: RunRecord) -> tuple[RunRecord, str]:
    """Return the record, or what a page can hold of it, and what was left out in words; "" for nothing."""
    if len(encode(record)) <= _MOST_BYTES:
        return record, ""
    verdicts = sorted(record.verdicts, key=lambda each: -each.state.severity)[:_MOST_VERDICTS]
    doubts = sorted(record.doubts, key=lambda each: -each.grade.severity)[:_MOST_DOUBTS]
    named = [each.scenario for each in verdicts if isinstance(each, ObjectiveVerdict)]
    slugs = [slug for slug in dict.fromkeys([*named, *record.scenarios]) if slug in record.scenarios]
    kept = slugs[:_MOST_SCENARIOS]
    short = replace(
        record,
        verdicts=tuple(verdicts),
        doubts=tuple(doubts),
        scenarios={slug: record.scenarios[slug] for slug in kept},
        objectives=None,
    )
    counts = [
        _left_out(record.scenarios, kept, "scenarios"),
        _left_out(record.verdicts, verdicts, "verdicts"),
        _left_out(record.doubts, doubts, "doubts"),
    ]
    left_out = ", ".join(count for count in counts if count)
    return decode(_encode_cut(short), RunRecord), left_out or "the ends of long texts"


def _encode_cut(record: RunRecord) -> bytes:
    """Return the record as JSON, each text that no page could show cut off."""
    return msgspec.json.encode(_cut(plain(record)))


def _cut(value: Json) -> Json:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}… (whole in run.json)"
    if isinstance(value, dict):
        return {name: _cut(each) for name, each in value.items()}
    return [_cut(each) for each in value] if isinstance(value, list) else value


def _left_out(all_of_them: Sized, kept: Sized, noun: str) -> str:
    count = len(all_of_them) - len(kept)
    return f"{count:,} of {len(all_of_them):,} {noun}" if count else ""
