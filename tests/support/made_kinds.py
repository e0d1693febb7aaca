"""One run of each kind that has a report of its own shape."""

from typing import Any

import pandas as pd

from tests.support.made_chaos import RECORD as CHAOS
from tests.support.made_duet import duet_record
from tests.support.made_proof import growth_row, proved
from tests.support.made_run import record

PLAN_FILE = "plans/0001_idx_tx_wallet_created_desc.before.json"  # as long as such names are
KINDS = ("run", "duet", "proof", "chaos")


def kind_of_run(kind: str, table: pd.DataFrame) -> dict[str, Any]:
    """The record of a run of this kind; one whose samples are drawn has those of `table`."""
    made = record(table)
    match kind:
        case "duet":
            return duet_record(made)
        case "proof":
            proof = proved() | {"growth": [growth_row()]}
            nothing: dict[str, Any] = {"scenarios": {}, "verdicts": [], "doubts": []}
            return made | nothing | {"migrations": [proof], "files": {PLAN_FILE: "ab" * 32}}
        case "chaos":
            return made | {"chaos": CHAOS["chaos"], "migrations": []}
    return made
