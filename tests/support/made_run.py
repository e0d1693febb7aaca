"""A finished run in the shape of docs/architecture.md, made from seeded random samples.

The report reads a run and nothing else, so these tests need a folder, not a server. Every number of the record is
computed from the samples made here, with numpy, as the engine does.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tailguard.record.samples import OUTCOMES, Samples
from tailguard.record.samples.parquet import write_samples

STEPS = {
    "registration": ("register",),
    "result_submission": ("submit",),
    "websocket_broadcast": ("broadcast",),
    "economy_transfer": ("transfer",),
    "certificate_upload": ("upload", "presigned_read"),
}
TITLES = {
    "registration": "A user joins a tournament",
    "result_submission": "A match result is submitted",
    "websocket_broadcast": "A match update reaches every subscriber",
    "economy_transfer": "Money moves between two wallets",
    "certificate_upload": "A certificate is stored and read back",
}
MEDIAN_MS = {
    "register": 1.6,
    "submit": 0.7,
    "broadcast": 9.0,
    "transfer": 1.3,
    "upload": 6.0,
    "presigned_read": 2.4,
}
LIMITS = [
    ("registration", "register", 0.95, 215.0, False),
    ("registration", "register", 0.99, 300.0, False),
    ("result_submission", "submit", 0.95, 167.0, False),
    ("websocket_broadcast", "broadcast", 0.95, 5000.0, True),
    ("economy_transfer", "transfer", 0.95, 265.0, False),
    ("certificate_upload", "upload", 0.95, 75.0, False),
    ("certificate_upload", "upload", 0.99, 120.0, False),
    ("certificate_upload", "presigned_read", 0.95, 50.0, True),
]


def samples(count: int = 600, seed: int = 1) -> pd.DataFrame:
    """`count` turns of every scenario: log-normal service, a queue in the middle, a few refusals and failures."""
    rng = np.random.default_rng(seed)
    return pd.concat([_turns(rng, slug, count) for slug in STEPS], ignore_index=True)


def _turns(rng: np.random.Generator, slug: str, count: int) -> pd.DataFrame:
    intended = np.sort(rng.uniform(0, count / 100 * 1e9, count)).astype(np.int64)
    frames = []
    for place, step in enumerate(STEPS[slug]):
        service = (MEDIAN_MS[step] * 1e6 * rng.lognormal(0, 0.35, count)).astype(np.int64)
        stalled = (np.abs(np.arange(count) - count * 0.6) < count * 0.01) & (place == 0)
        wait = np.where(stalled, 60_000_000 * rng.random(count), 20_000 * rng.random(count)).astype(np.int64)
        wait = wait if place == 0 else np.zeros_like(wait)
        dice = rng.random(count)
        outcome = np.where(dice < 0.002, "error", np.where(dice < 0.03, "conflict", "ok"))
        frames.append(
            pd.DataFrame(
                {
                    "scenario": slug,
                    "step": step,
                    "intended_ns": intended,
                    "started_ns": intended + wait,
                    "ended_ns": intended + wait + service,
                    "outcome": outcome,
                    "error": np.where(outcome == "error", "DeadlockDetected", ""),
                    "retries": (dice > 0.995).astype(np.int64),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def record(frame: pd.DataFrame) -> dict[str, Any]:
    """The run.json that belongs to `frame`."""
    return {
        "schema": 1,
        "id": "3f9c1a",
        "created_utc": "2026-11-21T10:00:00Z",
        "finished_utc": "2026-11-21T10:00:48Z",
        "command": ["tailguard", "run", "--profile", "smoke"],
        "profile": "smoke",
        "seed": 1,
        "complete": True,
        "incomplete_because": None,
        "config": {"seed": 1, "load": {"rate_per_s": 100.0, "workers": 8}, "database": {"dsn": "***"}},
        "config_sha256": "ab" * 32,
        "environment": _environment(),
        "platform": {"adapter": "in-process", "faults": []},
        "scenarios": {slug: _scenario(frame[frame.scenario == slug], slug) for slug in STEPS},
        "objectives": {},
        "verdicts": [_latency_verdict(frame, *limit) for limit in LIMITS]
        + [_ratio_verdict(frame, slug, "error_rate", 0.01, "error rate < 1%") for slug in STEPS]
        + [_ratio_verdict(frame, "certificate_upload", "retry_rate", 0.02, "retry rate < 2%")],
        "doubts": [
            {
                "kind": "late_generator",
                "scenario": "registration",
                "grade": "warn",
                "measured": "p99 of the start delay is 3.1 ms",
                "limit": "1 ms",
                "remedy": "Lower load.rate_per_s or give the generator a core of its own (placement.pin = true).",
            }
        ],
        "migrations": [migration()],
        "files": {},
    }


def _environment() -> dict[str, Any]:
    return {
        "cpu": {"model": "Example CPU", "logical": 2, "physical": 1},
        "memory_bytes": 8_589_934_592,
        "kernel": "6.1.0",
        "os": "Linux",
        "python": "3.11.7",
        "packages": {"psycopg": "3.2.3", "numpy": "2.2.0"},
        "placement": {"generator": [0], "server": [1], "pinned": True},
        "postgres": {"version": "18.6", "source": "embedded", "settings": {"jit": "off"}},
        "s3": {"server": "seaweedfs", "version": "4.48", "source": "embedded"},
        "git": {"commit": "ac00e42", "dirty": False},
        "clock": {"wall_ns": 1, "monotonic_ns": 2},
    }


def _scenario(frame: pd.DataFrame, slug: str) -> dict[str, Any]:
    first = frame[frame.step == STEPS[slug][0]]
    errors = frame[frame.outcome == "error"].error.value_counts()
    return {
        "title": TITLES[slug],
        "schedule": {"kind": "poisson", "rate_per_s": 100.0, "workers": 8},
        "warmup": 50,
        "offered_rate_per_s": 100.1,
        "achieved_rate_per_s": 100.0,
        "measured_s": round(float(first.intended_ns.max()) / 1e9, 3),
        "counts": _counts(frame),
        "retries": int(frame.retries.sum()),
        "errors": {str(kind): int(count) for kind, count in errors.items()},
        "steps": {step: _step(frame[frame.step == step]) for step in STEPS[slug]},
        "invariants": [
            {"name": "no tournament over capacity", "held": True, "expected": "0", "observed": "0"},
            {"name": "nobody is registered twice", "held": True, "expected": "0", "observed": "0"},
        ],
    }


def _counts(frame: pd.DataFrame) -> dict[str, int]:
    return {"total": len(frame)} | {k: int((frame.outcome == k).sum()) for k in ("ok", "conflict", "error")}


def _step(frame: pd.DataFrame) -> dict[str, Any]:
    good = frame[frame.outcome == "ok"]
    return {
        "counts": _counts(frame),
        "retried": int((frame.retries > 0).sum()),
        "response_ms": _quantiles((good.ended_ns - good.intended_ns).to_numpy() / 1e6),
        "service_ms": _quantiles((good.ended_ns - good.started_ns).to_numpy() / 1e6),
    }


def _quantiles(values: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: quantile(values, q) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    return found | {"max": float(values.max()) if values.size else None}


def quantile(values: np.ndarray, q: float) -> dict[str, Any]:
    """A QuantileEstimate; the interval is a plain order-statistic one, good enough for a picture."""
    if not values.size:
        return {"q": q, "value": None, "low": None, "high": None, "level": 0.99, "n": 0}
    value = float(np.percentile(values, 100 * q, method="inverted_cdf"))
    width = 2.58 * (q * (1 - q) / values.size) ** 0.5
    low = float(np.percentile(values, 100 * max(q - width, 0), method="inverted_cdf"))
    high = None if q + width >= 1 else float(np.percentile(values, 100 * (q + width), method="inverted_cdf"))
    return {"q": q, "value": value, "low": low, "high": high, "level": 0.99, "n": int(values.size)}


def _latency_verdict(
    frame: pd.DataFrame, slug: str, step: str, q: float, limit: float, strict: bool
) -> dict[str, Any]:
    good = frame[(frame.scenario == slug) & (frame.step == step) & (frame.outcome == "ok")]
    values = (good.ended_ns - good.intended_ns).to_numpy() / 1e6
    seen = quantile(values, q)
    named = step if step == "presigned_read" else ""
    sign = "<" if strict else "<="
    return {
        "objective": " ".join(f"{slug} {named} p{q * 100:g} {sign} {limit:g}ms".split()),
        "scenario": slug,
        "step": step,
        "kind": "latency",
        "q": q,
        "limit_ms": limit,
        "max_ratio": None,
        "strict": strict,
        "state": "PASS" if seen["value"] is not None and seen["value"] <= limit else "INVALID",
        "n": seen["n"],
        "exceedances": int((values > limit).sum()),
        "observed": {k: seen[k] for k in ("value", "low", "high", "level")},
        "unit": "ms",
        "headroom": limit / seen["value"] if seen["value"] else None,
        "alpha": 0.01,
        "rule": "sequential",
        "dependence": "bursty",
        "tau": 1.0,
        "why": f"{int((values > limit).sum())} of {seen['n']} took longer than {limit:g} ms",
    }


def _ratio_verdict(frame: pd.DataFrame, slug: str, kind: str, limit: float, text: str) -> dict[str, Any]:
    tried = frame[(frame.scenario == slug) & (frame.outcome != "conflict")]
    hits = int((tried.outcome == "error").sum() if kind == "error_rate" else (tried.retries > 0).sum())
    ratio = hits / len(tried) if len(tried) else None
    return {
        "objective": f"{slug} {text}",
        "scenario": slug,
        "step": "",
        "kind": kind,
        "q": None,
        "limit_ms": None,
        "max_ratio": limit,
        "strict": True,
        "state": "PASS" if ratio is not None else "INVALID",
        "n": len(tried),
        "exceedances": hits,
        "observed": {"value": ratio, "low": 0.0, "high": (hits + 5) / max(len(tried), 1), "level": 0.99},
        "unit": "ratio",
        "headroom": limit / ratio if ratio else None,
        "alpha": 0.01,
        "rule": "exact binomial",
        "dependence": "independent",
        "tau": 1.0,
        "why": f"{hits} of {len(tried)} counted",
    }


def migration() -> dict[str, Any]:
    """One proved index migration, its plans in EXPLAIN (FORMAT JSON)'s own words."""
    scan = {
        "Node Type": "Seq Scan",
        "Relation Name": "economy_economytransaction",
        "Actual Rows": 1234,
        "Actual Loops": 1,
        "Actual Total Time": 9.871,
        "Filter": "(wallet_id = 42)",
        "Rows Removed by Filter": 88766,
        "Shared Hit Blocks": 2098,
        "Shared Read Blocks": 0,
    }
    sort = {
        "Node Type": "Sort",
        "Sort Key": ["created DESC"],
        "Sort Method": "top-N heapsort",
        "Actual Rows": 50,
        "Actual Loops": 1,
        "Actual Total Time": 10.02,
        "Plans": [scan],
    }
    index = {
        "Node Type": "Index Scan",
        "Relation Name": "economy_economytransaction",
        "Index Name": "idx_tx_wallet_created_desc",
        "Index Cond": "(wallet_id = 42)",
        "Actual Rows": 50,
        "Actual Loops": 1,
        "Actual Total Time": 0.071,
        "Shared Hit Blocks": 53,
        "Shared Read Blocks": 0,
    }
    limit = {"Node Type": "Limit", "Actual Rows": 50, "Actual Loops": 1}
    return {
        "number": "0001",
        "slug": "idx_tx_wallet_created_desc",
        "table": "economy_economytransaction",
        "index": "idx_tx_wallet_created_desc",
        "rows": 90000,
        "parameters": {"wallet_id": 42},
        "up_sql": "CREATE INDEX CONCURRENTLY idx_tx_wallet_created_desc\n"
        "    ON economy_economytransaction (wallet_id, created DESC);",
        "down_sql": "DROP INDEX CONCURRENTLY IF EXISTS idx_tx_wallet_created_desc;",
        "query_sql": "SELECT * FROM economy_economytransaction\n"
        "WHERE wallet_id = %(wallet_id)s ORDER BY created DESC LIMIT 50;",
        "state": "PASS",
        "why": "the plan changed from Seq Scan + Sort to Index Scan",
        "build_s": 0.07,
        "index_bytes": 2949120,
        "cycle": [
            {"action": "up", "seconds": 0.07, "valid": True},
            {"action": "down", "seconds": 0.01, "valid": True},
            {"action": "up", "seconds": 0.06, "valid": True},
        ],
        "before": _side({**limit, "Actual Total Time": 10.03, "Plans": [sort]}, 10.1, 10.9, 2098),
        "after": _side({**limit, "Actual Total Time": 0.078, "Plans": [index]}, 0.09, 0.31, 53),
        "checks": [
            {
                "name": "Index Scan on the new index",
                "held": True,
                "expected": "Index Scan using idx_tx_wallet_created_desc",
                "observed": "Index Scan using idx_tx_wallet_created_desc",
            }
        ],
    }


def _side(plan: Mapping[str, Any], server: float, client: float, blocks: int) -> dict[str, Any]:
    def spread(median: float) -> dict[str, Any]:
        return {"median": median, "low": median * 0.96, "high": median * 1.07, "level": 0.99, "n": 20}

    return {
        "plan_files": [],
        "server_ms": spread(server),
        "client_ms": spread(client),
        "planning_ms": 0.1,
        "blocks": {"hit": blocks, "read": 0},
        "rows": 50,
        "plan": dict(plan),
        "text": f"Limit  (actual time={server} rows=50 loops=1)\n  ->  {plan['Plans'][0]['Node Type']}",
    }


def columns(frame: pd.DataFrame) -> dict[str, Samples]:
    """The table as the engine's own columns."""
    return {str(slug): _columns(str(slug), mine) for slug, mine in frame.groupby("scenario", sort=False)}


def _columns(slug: str, frame: pd.DataFrame) -> Samples:
    frame = frame.sort_values("intended_ns", kind="stable")
    errors = ("", *sorted(set(frame.error) - {""}))
    return Samples(
        scenario=slug,
        steps=STEPS[slug],
        errors=errors,
        intended_ns=frame.intended_ns.to_numpy(),
        started_ns=frame.started_ns.to_numpy(),
        ended_ns=frame.ended_ns.to_numpy(),
        step=_codes(frame.step, STEPS[slug]).astype(np.uint8),
        outcome=_codes(frame.outcome, OUTCOMES).astype(np.uint8),
        error=_codes(frame.error, errors),
        retries=frame.retries.to_numpy(dtype=np.int32),
    )


def _codes(column: "pd.Series[str]", names: tuple[str, ...]) -> np.ndarray:
    return column.map({name: code for code, name in enumerate(names)}).to_numpy(dtype=np.int32)


def write_run(folder: Path, made: Mapping[str, Any], frame: pd.DataFrame | None) -> Path:
    """Put a run's files into `folder`; without `frame`, the run has lost its samples."""
    folder.mkdir(parents=True, exist_ok=True)
    if frame is not None:
        write_samples(folder / "samples.parquet", columns(frame))
    (folder / "run.json").write_text(json.dumps(made), encoding="utf-8")
    return folder
