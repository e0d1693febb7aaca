"""What k6's two formats of samples have in common: metrics, tags, failures."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tailguard.base.errors import UsageError
from tailguard.config.option import did_you_mean
from tailguard.formats.columns.failures import by_error, by_grpc_status, by_status, by_success, either
from tailguard.formats.columns.likely import unit_of
from tailguard.formats.content import Cells, Names, Unit, names_of

# Metrics of k6's own that are times; those of a script are what it says.
_TIMES = ("http_req_", "iteration_duration", "group_duration", "grpc_req_duration", "ws_", "browser_")
DEFAULT = "http_req_duration"
TAGS = ("scenario", "group", "method", "name")


def chosen_metric(metrics: Cells, named: str | None) -> tuple[Cells, tuple[str, ...]]:
    """Return which samples are of the named metric, k6's request duration if none is, and what else there is.

    Raises UsageError if it has no sample.
    """
    notes = others_of([str(name) for name in pc.unique(metrics).to_pylist()], named)
    return pc.equal(metrics, named or DEFAULT), notes


def others_of(known: Sequence[str], named: str | None) -> tuple[str, ...]:
    """Say which other times there are. Raises UsageError if the metric that is judged has no sample."""
    metric = named or DEFAULT
    if metric not in known:
        others = ", ".join(sorted(known)[:12]) or "none"
        hint = did_you_mean(metric, known) if named else ""
        raise UsageError(
            f"metric {metric!r} has no samples.{hint} Name one with --column; there are: {others}"
        )
    durations = [name for name in known if name != metric and name.endswith("duration")]
    return (f"only {metric} is judged, not {', '.join(sorted(durations))} (--column)",) if durations else ()


def k6_unit(metric: str | None) -> Unit | None:
    """Return ms for k6's own times, or what the name of another metric ends with."""
    name = metric or DEFAULT
    return "ms" if name.startswith(_TIMES) else unit_of(name)


def k6_names(tags: Mapping[str, Cells]) -> Names | None:
    """Return method and name; scenario and group before them if the file has several of them."""
    several = [name for name in ("scenario", "group") if name in tags and _differ(tags[name])]
    columns = [pc.binary_join_element_wise(tags[name], ":", "") for name in several]
    columns += [tags[name] for name in ("method", "name") if name in tags]
    return names_of(*columns) if columns else None


def k6_failed(tags: Mapping[str, Cells], metric: str | None) -> NDArray[np.bool_] | None:
    """Return which samples k6 did not expect; None if the metric has none of the tags that say so."""
    found = []
    if "error" in tags:
        found.append(by_error(tags["error"]))
    if "expected_response" in tags and not _all_empty(tags["expected_response"]):
        found.append(by_success(tags["expected_response"]))
    elif "status" in tags and not _all_empty(tags["status"]):
        of_status = by_grpc_status if (metric or DEFAULT).startswith("grpc_") else by_status
        found.append(of_status(tags["status"]))
    elif not found or not found[0].any():
        return None
    return either(*found)


def _differ(cells: Cells) -> bool:
    return len(pc.unique(cells)) > 1


def _all_empty(cells: Cells) -> bool:
    lengths = pc.max(pc.utf8_length(cells))
    return not (isinstance(lengths, pa.Scalar) and lengths.as_py())
