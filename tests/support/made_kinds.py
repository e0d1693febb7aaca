"""One run of each kind that has a report of its own shape."""

import pandas as pd
from msgspec.structs import replace

from tailguard.judge.proof.ddl import ddl_verdicts
from tailguard.record.run_record import RunRecord
from tailguard.record.scenario import ServerTime, Statement, StatementCosts
from tests.support import made_ddl
from tests.support.made_chaos import chaos_record
from tests.support.made_duet import CHANGES, PLAN, duet_record
from tests.support.made_proof import evicted_row, growth_row, proof_record, proved
from tests.support.made_run import record, with_scenario

PLAN_FILE = "plans/0001_idx_tx_wallet_created_desc.before.json"  # as long as such names are
KINDS = ("run", "duet", "proof", "chaos", "file")


def kind_of_run(kind: str, table: pd.DataFrame) -> RunRecord:
    """The record of a run of this kind; one whose samples are drawn has those of `table`."""
    made = record(table)
    match kind:
        case "duet":
            return duet_record(made, *CHANGES, PLAN)
        case "proof":
            made = replace(made, files={PLAN_FILE: "ab" * 32})
            return proof_record(made, replace(proved(), growth=(growth_row(), evicted_row())))
        case "file":
            live = made_ddl.samples()
            alone = replace(made, scenarios={}, doubts=(), migrations=(), ddl=made_ddl.ddl_proof(live))
            return replace(alone, verdicts=ddl_verdicts(made_ddl.ddl_proof(live), live))
        case "chaos":
            return chaos_record(made)
    return with_scenario(made, "registration", database=server_time())


def server_time() -> ServerTime:
    """A quarter of two seconds, most of it in one statement."""
    return ServerTime(
        samples=400,
        service_ms=2000.0,
        server_ms=500.0,
        remainder_ms=1500.0,
        statements=(
            Statement(
                text="SELECT *\n  FROM t", calls=100, rows=200, exec_ms=400.0, hit_blocks=30, read_blocks=4
            ),
        ),
        others=StatementCosts(calls=50, rows=100, exec_ms=100.0, hit_blocks=30, read_blocks=4),
    )
