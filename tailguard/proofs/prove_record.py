"""A migration's record with its proof under load: the worse state of the two is the migration's."""

from dataclasses import replace
from typing import Any

import psycopg

from tailguard.base.errors import TailguardError
from tailguard.migrations.errors import MigrationStoppedError
from tailguard.proofs.cost import worth
from tailguard.proofs.prove import LiveProof
from tailguard.record.samples import Samples

WORST_FIRST = ("INVALID", "FAIL", "INCONCLUSIVE", "PASS")


def add_live(record: dict[str, Any], proof: LiveProof) -> None:
    """Run the proof and put it into run.json's `record` of its migration, which has the query before and after."""
    live = proof.record()
    if "removal" in record:  # what it saves has been measured
        live["cost"], sentence = record["removal"]["cost"], record["removal"]["saving"]
    else:
        saved_ms = record["before"]["server_ms"]["median"] - record["after"]["server_ms"]["median"]
        sentence = worth(saved_ms, live["cost"])
    record["live"] = live | {
        "worth": sentence,
        "samples": _prefix(proof),
        "rows": proof.rows,
    }
    bad = [v for v in live["verdicts"] if v["state"] == live["state"]]
    _worsen(record, live["state"], "; ".join(f"{v['name']}: {v['observed']}" for v in bad))


def add_live_or_cause(record: dict[str, Any], proof: LiveProof) -> None:
    """As `add_live`; where the proof breaks off, the migration is told as not proved and why, and others go on."""
    try:
        add_live(record, proof)
    except (TailguardError, psycopg.Error) as error:
        state = "INCONCLUSIVE" if isinstance(error, MigrationStoppedError) else "INVALID"
        _worsen(record, state, f"under load: {error}")


def live_samples(proof: LiveProof) -> dict[str, Samples]:
    """Return what every client sent in every window, by the names that live.parquet has."""
    named = {
        f"{_prefix(proof)}{window}_{who}": one
        for window, samples in proof.all_samples().items()
        for who, one in samples.items()
    }
    return {name: replace(one, scenario=name) for name, one in named.items()}


def _prefix(proof: LiveProof) -> str:
    """A run has one file for the proofs of all its migrations."""
    return f"{proof.migration.number}/"


def _worsen(record: dict[str, Any], state: str, why: str) -> None:
    if WORST_FIRST.index(state) < WORST_FIRST.index(record["state"]):
        record["state"], record["why"] = state, why
