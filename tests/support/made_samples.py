"""Samples of the five scenarios, random and seeded, as a table and as the engine's own columns."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tailguard.record.samples import OUTCOMES, Samples

STEPS = {
    "registration": ("register",),
    "result_submission": ("submit",),
    "websocket_broadcast": ("broadcast",),
    "economy_transfer": ("transfer",),
    "certificate_upload": ("upload", "presigned_read"),
}
MEDIAN_MS = {
    "register": 1.6,
    "submit": 0.7,
    "broadcast": 9.0,
    "transfer": 1.3,
    "upload": 6.0,
    "presigned_read": 2.4,
}


def samples(count: int = 600, seed: int = 1) -> pd.DataFrame:
    """`count` iterations of every scenario: log-normal service, a queue in the middle, some refusals and failures."""
    rng = np.random.default_rng(seed)
    return pd.concat([_iterations(rng, slug, count) for slug in STEPS], ignore_index=True)


def _iterations(rng: np.random.Generator, slug: str, count: int) -> pd.DataFrame:
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


def _codes(column: "pd.Series[str]", names: tuple[str, ...]) -> NDArray[np.int32]:
    codes = column.map({name: code for code, name in enumerate(names)})
    return np.asarray(codes, dtype=np.int32)
