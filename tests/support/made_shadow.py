"""A shadow run made without a server: a candidate that is as fast, lies in one field, and has the primary's noise."""

from pathlib import Path

import numpy as np
from msgspec.structs import replace

from tailguard.compare.shadow.noise import differences_of
from tailguard.compare.shadow.verdicts import compare_shadow
from tailguard.judge.objective import DEFAULT_MARGINS
from tailguard.record.run import Run
from tailguard.record.shadow import Ignored, Shadow, ShadowCounts
from tailguard.record.shadow.answers import AnswerRows, Answers
from tests.support.runs_by_hand import made_run, samples_of

ROUTES = ("GET /cart/{id}", "POST /orders")
IGNORED = (Ignored(route="POST /orders", field="id"), Ignored(route="", field="trace"))
EXAMPLES = {
    ("GET /cart/{id}", "total"): ("1299", "1300"),
    ("GET /cart/{id}", "asked_at"): ('"10:00"', '"10:01"'),
}


def made_answers(lies: int = 30, n: int = 1_000) -> Answers:
    """`n` answers, of which every fourth is an order: the first carts have another total.

    Each second cart is noisy, as the primary's own are; an order has another id, and each answer another trace.
    """
    rows = AnswerRows()
    for number in range(n):
        fields = (["asked_at"] if number % 2 else []) + (["total"] if number < lies else [])
        is_order = number % 4 == 0
        rows.add(number, int(is_order), [*(["id"] if is_order else fields), "trace"], twice=False)
        if number % 20 == 0:
            rows.add(number // 20, 0, ["asked_at"] if number % 40 else [], twice=True)
    return rows.answers(ROUTES)


def made_counts(**other: int) -> ShadowCounts:
    """Those of 1,000 requests."""
    counts = ShadowCounts(
        answered=1_007,
        compared=1_000,
        dropped=3,
        dropped_writes=0,
        too_large=2,
        pending=2,
        unanswered=1,
        unreachable=1,
        unreadable=1,
    )
    return replace(counts, **other)


def made_shadow(folder: Path) -> Run:
    """The run, its files written; not judged yet."""
    rng = np.random.default_rng(5)
    of_sides = {
        side: samples_of(
            side,
            ROUTES,
            rng.lognormal(2, 0.3, 1_000) * slower,
            step=(np.arange(1_000) % 4 == 0).astype(int),
            outcome=np.where(np.arange(1_000) % 50 == 7, 2, 0),
        )
        for side, slower in (("primary", 1.0), ("candidate", 1.3))
    }
    run = made_run(folder, **of_sides)
    answers = made_answers()
    run.write_answers(answers)
    shadow = Shadow(
        primary="http://127.0.0.1:8000",
        candidate="http://127.0.0.1:8001",
        timeout_s=10.0,
        margins=DEFAULT_MARGINS,
        ignored=IGNORED,
        most_users=8,
        counts=made_counts(),
        differences=differences_of(answers, IGNORED, EXAMPLES),
    )
    found = compare_shadow(run, shadow)
    run.put_shadow(replace(shadow, watched=found.watched))
    run.put_doubts(found.doubts)
    return run
