"""The judge is fast enough to ask after every slice."""

import importlib.util
from pathlib import Path

import pytest


@pytest.mark.benchmark
def test_a_look_takes_less_than_5_ms_and_a_decision_less_than_50():
    """The table of benchmarks/judge.py, each cost below its aim."""
    path = Path(__file__).parents[2] / "benchmarks" / "judge.py"
    spec = importlib.util.spec_from_file_location("judge_costs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert {name: ms for name, ms, aim in module.costs() if ms > aim} == {}
