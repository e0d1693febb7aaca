"""The index migrations' part of a run: both read queries are served before, after, and what that takes is shown."""

from collections.abc import Callable

from perf.config import Config
from perf.postgres.evidence import prove_small
from perf.postgres.migration import load_migrations
from perf.run import Run
from scenarios._world import World


def prove_migrations(run: Run, world: World, config: Config, say: Callable[[str], None]) -> None:
    """Prove each migration on the seeded tables and keep the evidence in the run; nothing where it is switched off."""
    if not config.get("migrations.run"):
        return
    run.record["migrations"] = prove_small(
        world.database,
        load_migrations(),
        repeats=config.get("migrations.repeats"),
        on_progress=say,
        plans_dir=run.folder / "plans",
    )
    run.save()
