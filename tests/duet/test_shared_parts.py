"""Whether both servers of a duet share what each must have for itself."""

import pytest

from tailguard.duet.servers import doubts_of_shared_parts
from tailguard.duet.shared_servers import SIDES
from tailguard.duet.side_spec import SideSpec

SERVE = "serve --port {port}"


def parts(baseline: SideSpec, candidate: SideSpec, **environ: str) -> list[str]:
    sides = dict(zip(SIDES, (baseline, candidate), strict=True))
    return [doubt.measured.partition(" are given ")[2] for doubt in doubts_of_shared_parts(sides, environ)]


@pytest.mark.parametrize(
    ("baseline", "candidate", "environ", "shared"),
    [
        (
            SideSpec(command=f"{SERVE} --db postgresql://me:hunter2@db:5432/shop"),
            SideSpec(command=f"{SERVE} --db postgresql://you:other@db:5432/shop"),
            {},
            ["postgresql://db:5432/shop"],
        ),
        (
            SideSpec(command=f"{SERVE} --db postgresql://db/shop_a", environ={"REDIS_URL": "redis://r/0"}),
            SideSpec(command=f"{SERVE} --db postgresql://db/shop_b", environ={"REDIS_URL": "redis://r/1"}),
            {},
            [],
        ),
        (
            SideSpec(command=SERVE),
            SideSpec(command=SERVE, environ={"DATABASE_URL": "postgres://db/b"}),
            {"DATABASE_URL": "postgres://db/a", "CELERY_BROKER_URL": "redis://broker:6379/0"},
            ["redis://broker:6379/0"],
        ),
        (SideSpec(url="http://a:1"), SideSpec(url="http://b:1"), {"DATABASE_URL": "postgres://db/a"}, []),
    ],
    ids=["one database", "two of each", "one broker by environment", "servers that run already"],
)
def test_what_both_commands_are_given_is_named_without_its_log_in(
    baseline: SideSpec, candidate: SideSpec, environ: dict[str, str], shared: list[str]
) -> None:
    assert parts(baseline, candidate, **environ) == shared
