"""`segments/NUMBER-FENCE.parquet`: the exact counters of one segment; docs/reference/soak-files.md says each kind."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from tailguard.base.reading import json_text
from tailguard.base.reading.regular_file import why_not_a_file
from tailguard.record.files import REMEDY, BrokenRunError

SEGMENTS, RAW, BEYOND, TERMS = "segments", "raw", "beyond", "terms"
# What may lie in a soak's folder beside its record.
SOAK_FILES = (f"{TERMS}/*.json", f"{SEGMENTS}/*.parquet", f"{RAW}/*.parquet", f"{BEYOND}/*.parquet")
SOAK_FOLDERS = tuple(f"{folder}/" for folder in (TERMS, SEGMENTS, RAW, BEYOND))
_HEAD = b"tailguard.segment"
_NAME = re.compile(r"(\d{6,})-(\d{6,})\.parquet")
# A segment has some hundreds; a file of a stranger may claim more.
_MOST_COUNTERS = 1_000_000


class Key(NamedTuple):
    """What a counter counts: its kind, of a scenario and a step or other name, at a bucket or block length."""

    kind: str
    scenario: str = ""
    name: str = ""
    at: int = 0


Counters = Mapping[Key, float]


class SegmentHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which segment it is, by which leader; times in seconds since the soak began, on the lease's clock."""

    number: int
    fence: int
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it is counted."""

    head: SegmentHead
    counters: Counters

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.head.ended_s - self.head.began_s


def file_name(number: int, fence: int) -> str:
    """Return the name of a segment's file, in each folder that has one."""
    return f"{number:06}-{fence:06}.parquet"


def segment_files(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """Yield number, fence and path of each file that is named as a segment, in order of numbers."""
    for path in sorted(folder.glob("*.parquet")):
        if found := _NAME.fullmatch(path.name):
            yield int(found[1]), int(found[2]), path


def write_segment(where: Path | BinaryIO, segment: Segment) -> None:
    """Write a segment as Parquet."""
    import pyarrow as pa  # noqa: PLC0415  # slow to import: only who touches the file waits for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = sorted(segment.counters.items())
    columns = {
        "kind": pa.array([key.kind for key, _ in rows], pa.string()),
        "scenario": pa.array([key.scenario for key, _ in rows], pa.string()),
        "name": pa.array([key.name for key, _ in rows], pa.string()),
        "at": pa.array([key.at for key, _ in rows], pa.int64()),
        "value": pa.array([float(value) for _, value in rows], pa.float64()),
    }
    table = pa.table(columns).replace_schema_metadata({_HEAD: msgspec.json.encode(segment.head)})
    pq.write_table(table, where, compression="zstd")


def read_segment(path: Path) -> Segment:
    """Return a segment. Raises BrokenRunError if the file is missing or is not as we write it."""
    import pyarrow as pa  # noqa: PLC0415  # as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        if why := why_not_a_file(path):
            raise BrokenRunError(f"Cannot read {path}: {why}.")
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > _MOST_COUNTERS:
                raise BrokenRunError(f"{path} has {file.metadata.num_rows:,} counters. {REMEDY}")
            head = json_text.decode((file.schema_arrow.metadata or {})[_HEAD], SegmentHead)
            columns = [file.read().column(name).to_pylist() for name in (*Key._fields, "value")]
    except KeyError as error:
        raise BrokenRunError(f"{path} was not written by Tailguard: {error.args[0]}. {REMEDY}") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise BrokenRunError(f"{path} is broken: {error}. {REMEDY}") from error
    counters: Counter[Key] = Counter()
    for kind, scenario, name, at, value in zip(*columns, strict=True):
        counters[Key(kind, scenario, name, at)] += value
    return Segment(head, counters)
