"""Samples on their way from one of Tailguard's processes to another: a NumPy archive, quick to write.

What is kept is Parquet (`tailguard.record.samples.parquet`); its library takes half a second to load, which a process
that lives for one block would spend on nothing else.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from tailguard.record.samples import Samples, values_apart, with_values

_COLUMNS = ("intended_ns", "started_ns", "ended_ns", "step", "outcome", "error", "retries")
_NAMES = "names"


def pack_samples(path: Path, samples: Mapping[str, Samples]) -> None:
    """Write the samples of all scenarios to one file."""
    names = [[slug, each.steps, each.errors, each.recorded.names] for slug, each in samples.items()]
    arrays: dict[str, Any] = {
        f"{column}-{number}": getattr(each, column)
        for number, each in enumerate(map(with_values, samples.values()))
        for column in _COLUMNS
    }
    arrays[_NAMES] = np.array(json.dumps(names, ensure_ascii=False))
    with path.open("wb") as file:  # as a path it would be given a suffix
        np.savez(file, **arrays)


def unpack_samples(path: Path) -> dict[str, Samples]:
    """Return the samples of each scenario. Raises OSError or ValueError if the file is missing or broken."""
    try:
        with np.load(path) as arrays:
            return {
                slug: values_apart(
                    Samples(
                        slug,
                        (*steps, *metrics),
                        tuple(errors),
                        *(arrays[f"{column}-{number}"] for column in _COLUMNS),
                    ),
                    metrics,
                )
                for number, (slug, steps, errors, metrics) in enumerate(json.loads(str(arrays[_NAMES])))
            }
    except (KeyError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path.name} is broken: {error}") from error
