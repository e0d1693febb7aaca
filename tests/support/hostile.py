"""A record whose every free text is a stranger's: made from the types alone, so that a new field is covered at once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import inspect
from msgspec.structs import replace

from tailguard.record.objective import Objective
from tailguard.record.part import Document
from tailguard.record.run import Run
from tailguard.record.run_record import Ended, RunRecord
from tailguard.record.samples import Samples
from tailguard.record.samples.parquet import write_samples

# What some reader of an output would obey, were it not escaped. It begins as a formula of a spreadsheet does.
HOSTILE = (
    "=1+1\n::set-env name=x::y\n##[error]z\n# head\n- item\r\x1b]0;title\x07\x1b[2J\x9b31m\x7f\x00\u202eback\u2028"
    "<script>alert(1)</script><img src=x onerror=alert(1)>[link](javascript:x)[red]red[/red][/x][link=http://evil]in[/link]"
    "@octocat #12 https://evil.example www.evil.example a@evil.example |`code`*bold* &lt; \"quoted' {{7*7}} $x$ \\ %41"
)
STRANGE = "\x00\x07\x1b\x7f\x9b\u202e\u2028"  # no output has a place for these
NODE = dict.fromkeys(("Node Type", "Relation Name", "Alias", "Index Name"), HOSTILE)  # of EXPLAIN
VARIANTS = 5  # the most alternatives of a field


def hostile_record(variant: int) -> RunRecord:
    """One of each part; of a field that takes one of several types, the one of this variant."""
    made: RunRecord = _of(inspect.type_info(RunRecord), variant)
    return replace(
        made, id="3f9c1a" if variant else HOSTILE, ended=Ended.COMPLETE if variant else Ended.BROKE_OFF
    )


def hostile_run(folder: Path, variant: int) -> Run:
    """Put such a run on disk, its samples included."""
    folder.mkdir()
    write_samples(folder / "samples.parquet", {HOSTILE: _samples()})
    Run(folder, hostile_record(variant)).save()
    return Run.load(folder)


def _samples() -> Samples:
    began = np.arange(40, dtype=np.int64) * 10_000_000
    return Samples(
        scenario=HOSTILE,
        steps=(HOSTILE,),
        errors=("", HOSTILE),
        intended_ns=began,
        started_ns=began,
        ended_ns=began + 5_000_000,
        step=np.zeros(40, np.uint8),
        outcome=np.zeros(40, np.uint8),
        error=np.zeros(40, np.int32),
        retries=np.zeros(40, np.int32),
    )


def _of(info: Any, variant: int) -> Any:  # Any: each kind of type has attributes of its own
    return _MADE[type(info)](info, variant)


def _text(info: Any, _: int) -> str:
    if info.pattern is None:
        return HOSTILE
    return "2026-11-21T10:00:00Z" if "T" in info.pattern else "ab" * 32


def _several(info: Any, variant: int) -> tuple[Any, ...]:
    """Of a list of alternatives, each."""
    item = info.item_type
    kinds = item.types if isinstance(item, inspect.UnionType) else [item]
    return tuple(_of(kind, variant) for kind in kinds)


def _one(info: Any, variant: int) -> Any:
    kinds = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
    return _of(kinds[variant % len(kinds)], variant)


def _struct(info: Any, variant: int) -> Any:
    fields = {each.name: _of(each.type, variant) for each in info.fields}
    if info.cls is Objective:  # of its numbers it has those of its metric
        own = {"latency": ("q", "limit_ms"), "value": ("q", "limit_value")}.get(
            fields["metric"], ("max_ratio",)
        )
        for name in {"q", "limit_ms", "limit_value", "max_ratio", "min_ratio"} - {*own}:
            fields[name] = None
    return info.cls(**fields)


def _keys(info: Any, variant: int) -> Any:
    return info.values if isinstance(info, inspect.LiteralType) else [_of(info, variant)]


_MADE: Mapping[type, Callable[[Any, int], Any]] = {
    inspect.StructType: _struct,
    inspect.UnionType: _one,
    inspect.ListType: lambda info, variant: list(_several(info, variant)),
    inspect.VarTupleType: _several,
    inspect.TupleType: lambda info, variant: tuple(_of(kind, variant) for kind in info.item_types),
    inspect.DictType: lambda info, variant: {
        key: _of(info.value_type, variant) for key in _keys(info.key_type, variant)
    },
    inspect.EnumType: lambda info, variant: list(info.cls)[variant % len(info.cls)],
    inspect.LiteralType: lambda info, variant: info.values[variant % len(info.values)],
    inspect.CustomType: lambda _, __: Document({HOSTILE: [HOSTILE], "Plan": NODE}),
    inspect.StrType: _text,
    inspect.BoolType: lambda _, variant: bool(variant % 2),
    inspect.IntType: lambda _, __: 1,
    inspect.FloatType: lambda info, _: 0.25 if info.lt is None or info.lt > 0 else -0.25,
    inspect.NoneType: lambda _, __: None,
}
