"""A duet as run.json has it: a metric that became slower, some that did not, a plan, a block that was lost."""

from typing import Any


def change(objective: str, state: str, **other: Any) -> dict[str, Any]:
    return {
        "objective": f"{objective} against the baseline",
        "scenario": "registration",
        "kind": "change",
        "unit": "ratio",
        "headroom": None,
        "strict": True,
        "alpha": 0.01,
        "rule": "signed-rank bound on paired blocks",
        "state": state,
        "q": 0.5,
        "max_ratio": 0.05,
        "n": 20,
        "exceedances": 18,
        "observed": {"value": 0.1234, "low": 0.05, "high": 0.2, "level": 0.99},
        "baseline": 1.5,
        "candidate": 1.7,
        "gated": True,
        "why": "20 pairs: slower",
    } | other


def duet() -> dict[str, Any]:
    return {
        "sides": {"baseline": {"label": "main at 1234567890"}, "candidate": {"label": "<b>work tree</b>"}},
        "budget": {"pairs": 40, "minutes": 30.0},
        "looks": [10, 20, 40],
        "pairs": 20,
        "comparisons": [
            change("registration p95 of register", "PASS"),
            change("registration p50 of register", "FAIL"),
            change("registration error rate", "PASS", q=None, max_ratio=0.005, baseline=0.0, candidate=0.001),
        ],
        "time": {"wall_s": 100.0, "measuring_s": 80.0, "starts_s": 10.0, "seeding_s": 6.0, "checks_s": 4.0},
        "sides_saw": {"baseline": {"faults": []}, "candidate": {"faults": ["delay_pct=10"]}},
        "discarded": ["block 3: candidate: it ended\npostgresql://u:hush@h/d"],
        "quality": {"sentence": "false alarms 0/200"},
    }


def duet_record(made: dict[str, Any]) -> dict[str, Any]:
    """`made`, as the record of a duet: its changes are the verdicts, and no migration was proved."""
    compared = duet()
    return made | {"kind": "duet", "duet": compared, "verdicts": compared["comparisons"], "migrations": []}
