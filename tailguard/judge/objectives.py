"""The objectives file: read, checked against the scenarios there are, kept with the run."""

import copy
import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tailguard.base.errors import UsageError
from tailguard.config.merge import Config
from tailguard.config.suite_table import require_suite
from tailguard.judge.margins import DEFAULT_TABLE, Margins, parse_margins
from tailguard.judge.objective import Kind, Objective, parse_latency, parse_rate
from tailguard.judge.sequential import Rule

_TABLES = ("defaults", "scenarios", "gate")
_DEFAULTS = ("confidence", "dependence", "error_rate")
_SCENARIO = ("step", "steps", "dependence", "first_look", "error_rate", "retry_rate")

Known = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Objectives:
    """All objectives of one file, the rule by which each scenario is judged, and the file's content for the
    record.
    """

    items: tuple[Objective, ...]
    rules: Mapping[str, Rule]
    margins: Margins
    document: Mapping[str, Any] = field(repr=False)
    source: str = ""

    def of(self, scenario: str) -> tuple[Objective, ...]:
        """Return the objectives of one scenario."""
        return tuple(item for item in self.items if item.scenario == scenario)

    def only(self, scenarios: Collection[str]) -> "Objectives":
        """Return those of the named scenarios: what a run of a few of them can be judged by."""
        document = copy.deepcopy(dict(self.document))
        document["scenarios"] = {k: v for k, v in document.get("scenarios", {}).items() if k in scenarios}
        return parse_objectives(document, self.source)

    def assuming(
        self,
        *,
        dependence: str = "",
        confidence: float | None = None,
        first_looks: Mapping[str, int] | None = None,
    ) -> "Objectives":
        """Return the same limits judged under another assumption; what is left out stays as the file says."""
        document = self.as_dict()
        defaults = document.setdefault("defaults", {})
        defaults |= {"dependence": dependence} if dependence else {}
        defaults |= {} if confidence is None else {"confidence": confidence}
        for slug, table in document["scenarios"].items():
            if dependence:
                table.pop("dependence", None)
            if slug in (first_looks or {}):
                table["first_look"] = (first_looks or {})[slug]
        return parse_objectives(document, self.source)

    def as_dict(self) -> dict[str, Any]:
        """Return the document, which `parse_objectives` reads back: what run.json keeps."""
        return copy.deepcopy(dict(self.document))


def load_objectives(path: str | Path, known: Known | None = None) -> Objectives:
    """Read an objectives file. `known` names the scenarios there are, and the steps of each.

    Raises UsageError with the file and the line or entry, and the nearest right word.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"objectives file {path}: {error.strerror}; name one with --objectives") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"objectives file {path} is not TOML: {error}") from None
    return parse_objectives(document, str(path), known)


def configured_objectives(config: Config, known: Known | None = None) -> Objectives:
    """Return the objectives of a run: the file, scenarios, dependence and confidence that its configuration names."""
    slugs = config.get("scenarios") or list(known or ())
    objectives = load_objectives(objectives_file(config), known).only(slugs)
    return objectives.assuming(
        dependence=config.get("slo.dependence"),
        confidence=config.get("slo.confidence"),
        first_looks={slug: config.scenario(slug)["min_samples"] for slug in slugs},
    )


def configured_margins(config: Config, known: Known | None = None) -> Margins:
    """Return the margins of the configured objectives; the usual ones if there is no file of objectives."""
    if not config.get("objectives") and (config.suite is None or not config.suite.objectives):
        return parse_margins(DEFAULT_TABLE)
    return load_objectives(objectives_file(config), known).margins


def objectives_file(config: Config) -> Path:
    """Return the path of the objectives: the configured file, here or below the suite's root, else the suite's own.

    Raises UsageError if there is none.
    """
    name = str(config.get("objectives"))
    if name and (Path(name).exists() or config.suite is None):
        return Path(name)
    suite = require_suite(config.suite)
    if name:
        return suite.root / name
    if not suite.objectives:
        raise UsageError(
            f"The suite in {suite.root} names no objectives: add them to [suite], or give --objectives."
        )
    return suite.root / suite.objectives


def parse_objectives(document: Mapping[str, Any], source: str = "", known: Known | None = None) -> Objectives:
    """Return the objectives of a parsed file; see `load_objectives`."""
    where = source or "objectives"
    _expect(document, _TABLES, where)
    defaults = _table(document, "defaults", where)
    _expect(defaults, _DEFAULTS, f"{where}: [defaults]")
    tables = _scenario_tables(document, defaults, where, known)
    items: list[Objective] = []
    rules: dict[str, Rule] = {}
    for slug, table in tables.items():
        at = f"{where}: [scenarios.{slug}]"
        rules[slug] = _rule(defaults, table, at)
        items += _scenario(
            slug, {"error_rate": defaults.get("error_rate")} | table, at, (known or {}).get(slug, ())
        )
    if not items:
        raise UsageError(
            f"{where} has no objective: add one under [scenarios.<name>], such as p95 = '<= 215ms'"
        )
    margins = _margins(_table(document, "gate", where), f"{where}: [gate]", known)
    return Objectives(tuple(items), rules, margins, dict(document) | {"scenarios": tables}, source)


def _scenario_tables(
    document: Mapping[str, Any], defaults: Mapping[str, Any], where: str, known: Known | None
) -> dict[str, dict[str, Any]]:
    """Return the table of each scenario, with its first step filled in where the file leaves that out.

    "Every scenario" has the error rate of the defaults: also a known one that the file does not name.
    """
    given = _table(document, "scenarios", where)
    tables = {slug: dict(_table(given, slug, f"{where}: [scenarios]")) for slug in given}
    if known is None:
        return tables
    _expect(tables, known, f"{where}: [scenarios]")
    unnamed = [slug for slug in known if slug not in tables and "error_rate" in defaults]
    tables |= {slug: {} for slug in unnamed}
    return {slug: {"step": known[slug][0]} | table for slug, table in tables.items()}


def _scenario(slug: str, table: Mapping[str, Any], at: str, steps: Sequence[str]) -> Iterator[Objective]:
    """Yield the objectives of one table: its first step's, those of its other steps, its rates'."""
    step, others = table.get("step", ""), _table(table, "steps", at)
    if steps:
        _expect([step, *others], steps, f"{at} step")
    yield from _latencies(slug, {k: v for k, v in table.items() if k not in _SCENARIO}, at, step)
    for name in others:
        yield from _latencies(slug, _table(others, name, at), f"{at[:-1]}.steps.{name}]", name, titled=True)
    kinds: tuple[Kind, ...] = ("retry_rate", "error_rate")
    for kind in kinds:
        if table.get(kind) is not None:
            bound = _text(table, kind, at)
            with _naming(at):  # an error rate is the whole scenario's, a retry rate its first step's
                yield parse_rate(kind, bound, scenario=slug, step=step if kind == "retry_rate" else "")


def _latencies(
    slug: str, table: Mapping[str, Any], at: str, step: str, *, titled: bool = False
) -> Iterator[Objective]:
    for key in table:
        if not re.match(r"p\d", key):
            _expect([key], ("p50", "p95", "p99", *_SCENARIO), at)
        if not step:
            raise UsageError(f"{at} has {key} but no step; add step = '...', the step whose latency is meant")
        bound = _text(table, key, at)
        with _naming(at):
            yield parse_latency(key, bound, scenario=slug, step=step, titled=titled)


def _margins(table: Mapping[str, Any], at: str, known: Known | None) -> Margins:
    for key in table:
        if not re.match(r"p\d", key):
            _expect([key], ("floor", "floors", "p50", "p95"), at)
    floors = _table(table, "floors", at)
    if known is not None:
        _expect(floors, known, f"{at[:-1]}.floors]")
    with _naming(at):
        return parse_margins(table)


def _rule(defaults: Mapping[str, Any], table: Mapping[str, Any], at: str) -> Rule:
    confidence = defaults.get("confidence", 0.99)
    if not isinstance(confidence, float) or not 0.5 < confidence < 1:  # noqa: PLR2004  # as Rule.alpha
        raise UsageError(f"{at}: confidence is {confidence!r}; it is a share between 0.5 and 1, such as 0.99")
    with _naming(at):
        dependence = table.get("dependence", defaults.get("dependence", "bursty"))
        return Rule(round(1 - confidence, 12), dependence, _whole(table, "first_look"))


def _table(parent: Mapping[str, Any], key: str, at: str) -> Mapping[str, Any]:
    table = parent.get(key, {})
    if not isinstance(table, Mapping):
        raise UsageError(f"{at}: {key} is {table!r}; it is a table, such as [scenarios.registration]")
    return table


def _whole(table: Mapping[str, Any], key: str) -> int:
    value = table.get(key, 0)
    if type(value) is not int:
        raise UsageError(f"{key} is {value!r}; it is a whole number of samples")
    return value


def _text(table: Mapping[str, Any], key: str, at: str) -> str:
    value = table[key]
    if not isinstance(value, str):
        raise UsageError(f"{at}: {key} is {value!r}; write it as text with its unit: '<= 215ms' or '< 1%'")
    return value


def _expect(words: Iterable[str], right: Collection[str], at: str) -> None:
    """Raise UsageError for the first word that is not a right one, with the nearest that is."""
    for word in words:
        if word not in right:
            near = difflib.get_close_matches(str(word), right, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(right)}"
            raise UsageError(f"{at}: {word!r} is unknown; {hint}")


@contextmanager
def _naming(at: str) -> Iterator[None]:
    """Say where in the file an error is."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{at}: {error}") from None
