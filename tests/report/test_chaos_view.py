"""A chaos run's faults in the report: a table of what they cost, and bands over the latency."""

import numpy as np
import pytest

from tailguard.record.samples import OK, Samples
from tailguard.report.charts.charts import figures_of
from tailguard.report.charts.downsampling import step_of
from tailguard.report.charts.fault_bands import Band, bands_of
from tailguard.report.charts.style import Limit
from tailguard.report.views.chaos_view import chaos_of
from tests.support.made_chaos import RECORD, START_NS


@pytest.fixture
def samples():
    intended = START_NS + np.arange(100, dtype=np.int64) * 100_000_000
    return Samples(
        scenario="s",
        steps=("upload",),
        errors=("",),
        intended_ns=intended,
        started_ns=intended,
        ended_ns=intended + 5_000_000,
        step=np.zeros(100, np.uint8),
        outcome=np.full(100, OK, np.uint8),
        error=np.zeros(100, np.int32),
        retries=np.zeros(100, np.int32),
    )


def test_a_band_stands_where_its_fault_was_and_ends_with_the_measurement(samples):
    assert bands_of(RECORD, samples) == [Band("S3 killed", 2.0, 4.0), Band("S3 down", 8.0, 9.9)]


def test_a_run_without_faults_has_no_bands(samples):
    assert bands_of({}, samples) == []


def test_bands_are_drawn_behind_the_points_and_their_names_before_them(samples):
    step, limits = step_of(samples, "upload"), [Limit(0.95, 75.0, "p95 <= 75ms")]
    calm = figures_of(step, limits, 50)
    faulty = figures_of(step, limits, 50, bands_of(RECORD, samples))
    marks = [layer["mark"]["type"] for layer in faulty[0].spec["layer"]]
    assert marks == ["rect", *(layer["mark"]["type"] for layer in calm[0].spec["layer"]), "text", "text"]
    assert "S3 killed" in str(faulty[0].spec)
    assert [figure.spec for figure in faulty[1:]] == [figure.spec for figure in calm[1:]]


def test_the_table_has_a_row_for_each_scenario_that_met_a_fault():
    view = chaos_of(RECORD)
    (row,) = view.rows
    assert (row.fault, row.scenario, row.samples, row.errors, row.retried) == (
        "S3 killed",
        "certificate_migration",
        "42",
        "3",
        "2",
    )
    assert (row.lasted, row.recovered) == ("2 s", "1.5 s")
    assert view.counters == (("Certificate migration", (("cert.s3.retries", "7"),)),)


def test_what_no_call_felt_stands_apart():
    calm = RECORD["chaos"]["recoveries"][0] | {"label": "S3 down", "errors": 0, "retried": 0}
    view = chaos_of({"chaos": RECORD["chaos"] | {"recoveries": [calm]}})
    assert ([row.fault for row in view.felt], [row.fault for row in view.unfelt]) == ([], ["S3 down"])


def test_a_run_with_neither_faults_nor_counters_has_no_section():
    assert chaos_of({"scenarios": {"registration": {}}}) is None
