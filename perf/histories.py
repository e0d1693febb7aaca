"""The tables of the index migrations: the ledger and the moderation log, filled without the rest of the platform."""

import tailguard as tg
from perf.reference import make_tables
from reference.seed import LEDGER_ROWS, MODERATION_ROWS, SeedSize, seed_histories

LEDGER, MODERATION = "economy_economytransaction", "support_moderationaction"


def ledger_tables(
    conninfo: str, *, schema: str | None = None, table: str = "", rows: int | None = None
) -> None:
    """Make and fill them (`tailguard.proofs.tables.MakeTables`)."""
    if table not in ("", LEDGER, MODERATION):
        raise tg.UsageError(
            f"the embedded server has no table {table}, only {LEDGER} and {MODERATION}."
            " Name your database with --dsn."
        )
    size = SeedSize(
        ledger_rows=rows if rows is not None and table in ("", LEDGER) else LEDGER_ROWS,
        moderation_rows=rows if rows is not None and table in ("", MODERATION) else MODERATION_ROWS,
    )
    make_tables(conninfo, schema)
    try:
        seed_histories(conninfo, schema, size=size)
    except ValueError as error:
        raise tg.UsageError(f"{rows} rows: {error}.") from error
