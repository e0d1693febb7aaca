"""Samples of several processes become one."""

import numpy as np
import pytest

from tailguard.base.errors import UsageError
from tailguard.record.samples import ERROR, OK, pack_code, samples_from_rows
from tailguard.record.samples.pooling import pool


def part(at: int, error: str, steps=("register",), scenario="registration", step=0):
    rows = np.array(
        [
            [at, at, at + 1_000_000, pack_code(step, OK)],
            [at + 5, at + 5, at + 9, pack_code(step, ERROR, 0, 1)],
        ]
    )
    return samples_from_rows(scenario, steps, ("", error), rows.astype(np.int64))


def test_pooled_samples_are_in_order_and_keep_their_kinds_of_error():
    pooled = pool([part(100, "Timeout"), part(50, "Refused"), part(0, "Timeout")])
    assert pooled.intended_ns.tolist() == [0, 5, 50, 55, 100, 105]
    assert [pooled.errors[i] for i in pooled.error] == ["", "Timeout", "", "Refused", "", "Timeout"]
    assert len(pooled.response_ms("register")) == 3


def test_steps_that_were_found_in_another_order_are_still_the_same_steps():
    pooled = pool([part(0, "a", ("cart", "pay"), step=1), part(100, "a", ("pay", "refund", "cart"), step=2)])
    assert [pooled.steps[i] for i in pooled.step] == ["pay", "pay", "cart", "cart"]
    assert pooled.steps == ("cart", "pay", "refund")


def test_only_samples_of_one_scenario_can_be_pooled():
    with pytest.raises(UsageError, match="upload"):
        pool([part(0, "a"), part(0, "a", scenario="upload")])
    with pytest.raises(UsageError, match="none"):
        pool([])
