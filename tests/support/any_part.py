"""Any part of a record, for Hypothesis: made from its types alone, so that a new field is covered at once."""

import string
from collections.abc import Callable, Mapping
from typing import Any, get_args

import hypothesis.strategies as st
from msgspec import inspect
from msgspec.structs import replace

from tailguard.record.chaos import Chaos, FaultWindow, Recovery
from tailguard.record.duet import Duet, DuetSide, SideName
from tailguard.record.objective import Objective, Objectives, Rule
from tailguard.record.part import Document, Part

# Texts that no mask touches: what is masked does not come back as it was.
_TEXTS = st.text(string.ascii_letters + string.digits + " _-/<>&\"'\\µ\n", max_size=12).map(
    lambda text: f"x{text}"
)
_INTEGERS, _FLOATS = st.integers(-(2**53), 2**53), st.floats(-1e12, 1e12)
_SCALARS = st.none() | st.booleans() | _INTEGERS | _FLOATS | _TEXTS
_DOCUMENTS = st.recursive(
    st.dictionaries(_TEXTS, _SCALARS, max_size=3),
    lambda inner: st.dictionaries(
        _TEXTS, _SCALARS | inner | st.lists(_SCALARS | inner, max_size=2), max_size=3
    ),
    max_leaves=6,
)


def parts(kind: type[Part]) -> st.SearchStrategy[Any]:
    """Return a strategy of parts of this kind."""
    return _of(inspect.type_info(kind))


def _of(info: Any) -> st.SearchStrategy[Any]:  # Any: each kind of type has attributes of its own
    return _MADE[type(info)](info)


def _text(info: Any) -> st.SearchStrategy[str]:
    if info.pattern is None:
        return _TEXTS
    return st.from_regex(info.pattern, fullmatch=True, alphabet=string.digits + "abcdef-:TZ")


def _float(info: Any) -> st.SearchStrategy[float]:
    if info.gt is None:
        return _FLOATS
    return st.floats(info.gt, 1e12 if info.lt is None else info.lt, exclude_min=True, exclude_max=True)


def _struct(info: Any) -> st.SearchStrategy[Any]:
    fields = {each.name: _of(each.type) for each in info.fields}
    if info.cls is Objective:
        return st.one_of(_latencies, _rates, _values, _least_rates)
    if info.cls is Objectives:
        rule = parts(Rule)
        return st.builds(_with_rules, st.lists(parts(Objective), max_size=2), rule, fields["source"])
    if info.cls is Chaos:
        return st.builds(
            _with_windows, st.builds(Chaos, **fields | {"recoveries": st.just(())}), fields["recoveries"]
        )
    if info.cls is Duet:
        both = dict.fromkeys(get_args(SideName), parts(DuetSide))
        return st.builds(Duet, **fields | {"sides": st.just({}) | st.fixed_dictionaries(both)})
    return st.builds(info.cls, **fields)


def _with_rules(items: list[Objective], rule: Rule, source: str) -> Objectives:
    return Objectives(items=tuple(items), rules={each.scenario: rule for each in items}, source=source)


def _with_windows(chaos: Chaos, recoveries: tuple[Recovery, ...]) -> Chaos:
    windows = tuple(FaultWindow(label=each.label, began_ns=1, ended_ns=2) for each in recoveries)
    return replace(chaos, windows=(*chaos.windows, *windows), recoveries=recoveries)


_names = {"name": _TEXTS, "scenario": _TEXTS, "step": _TEXTS, "strict": st.booleans()}
_shares = st.floats(0, 1, exclude_min=True, exclude_max=True)
_latencies = st.builds(
    Objective, **_names, metric=st.just("latency"), q=_shares, limit_ms=st.floats(1e-9, 1e12)
)
_rates = st.builds(
    Objective, **_names, metric=st.sampled_from(("error_rate", "retry_rate", "rate")), max_ratio=_shares
)
_values = st.builds(
    Objective, **_names, metric=st.just("value"), q=_shares, limit_value=st.floats(1e-9, 1e12)
)
_least_rates = st.builds(Objective, **_names, metric=st.just("rate"), min_ratio=_shares)

_MADE: Mapping[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.StructType: _struct,
    inspect.UnionType: lambda info: st.one_of([_of(each) for each in info.types]),
    inspect.ListType: lambda info: st.lists(_of(info.item_type), max_size=2),
    inspect.VarTupleType: lambda info: st.lists(_of(info.item_type), max_size=2).map(tuple),
    inspect.TupleType: lambda info: st.tuples(*map(_of, info.item_types)),
    inspect.DictType: lambda info: st.dictionaries(_of(info.key_type), _of(info.value_type), max_size=2),
    inspect.EnumType: lambda info: st.sampled_from(info.cls),
    inspect.LiteralType: lambda info: st.sampled_from(info.values),
    inspect.CustomType: lambda _: _DOCUMENTS.map(Document),  # the only one
    inspect.StrType: _text,
    inspect.BoolType: lambda _: st.booleans(),
    inspect.IntType: lambda info: _INTEGERS if info.ge is None else st.integers(info.ge, 2**53),
    inspect.FloatType: _float,
    inspect.NoneType: lambda _: st.none(),
}
