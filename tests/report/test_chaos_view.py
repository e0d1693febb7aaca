"""A chaos run's faults in the report: a table of what they cost, and bands over the latency."""

import numpy as np
import pytest
from msgspec.structs import replace

from tailguard.record.run_record import Override
from tailguard.record.samples import OK, Samples
from tailguard.report.charts.charts import figures_of
from tailguard.report.charts.downsampling import step_of
from tailguard.report.charts.over_time.fault_bands import Band, bands_of
from tailguard.report.charts.over_time.windows import load_of
from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.charts.style import Limit
from tailguard.report.page import page_of
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views.chaos_view import effects_of
from tailguard.report.views.view import view_of
from tests.support.blank_record import a_record
from tests.support.made_chaos import CHAOS, FELT, START_NS, chaos_record
from tests.support.made_run import record, with_scenario


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
    assert bands_of(a_record(chaos=CHAOS), samples) == [
        Band("S3 killed", 2.0, 4.0),
        Band("S3 down", 8.0, 9.9),
    ]


def test_a_run_without_faults_has_no_bands(samples):
    assert bands_of(a_record(), samples) == []


@pytest.mark.system
def test_bands_are_drawn_behind_the_points_and_their_names_before_them(samples):
    step, limits = step_of(samples, "upload"), [Limit(0.95, 75.0, "p95 <= 75ms")]
    windows = load_of(samples).windows
    calm = figures_of(step, limits, 50, windows)
    faulty = figures_of(step, limits, 50, windows, bands_of(a_record(chaos=CHAOS), samples))
    marks = [layer["mark"]["type"] for layer in faulty[0].spec["layer"]]
    assert marks == ["rect", *(layer["mark"]["type"] for layer in calm[0].spec["layer"]), "text", "text"]
    assert "S3 killed" in str(faulty[0].spec)
    percentiles, others = faulty[1], faulty[2:]
    assert [layer["mark"]["type"] for layer in percentiles.spec["layer"]][:2] == ["rect", "line"]
    assert [figure.spec for figure in others] == [figure.spec for figure in calm[2:]]


def test_the_table_has_a_row_for_each_scenario_that_met_a_fault(table):
    (effect,) = effects_of(CHAOS)
    assert effect.recovery is FELT
    assert (effect.began_s, effect.lasted_s) == (0, 2)
    made = with_scenario(
        chaos_record(record(table)),
        "certificate_upload",
        title="Certificate migration",
        counters={"cert.s3.retries": 7},
    )
    page, text = page_of(view_of(made), charts_of(made, {})), markdown_of(view_of(made))
    row = ("S3 killed", "0 ms", "2 s", "certificate_migration", "42", "3", "2", "1.5 s")
    assert f"| {' | '.join(row)} |" in text
    assert [cell for cell in row if f">{cell}<" not in page] == []
    assert "Counters of Certificate migration: cert.s3.retries 7." in text
    assert "<dt>cert.s3.retries</dt><dd>7</dd>" in page


def test_what_no_call_felt_stands_apart():
    calm = replace(FELT, label="S3 down", errors=0, retried=0)
    effects = effects_of(replace(CHAOS, recoveries=(calm,)))
    assert [(effect.recovery.label, effect.felt) for effect in effects] == [("S3 down", False)]


def test_a_run_with_neither_faults_nor_counters_has_no_section(table):
    made = record(table)
    assert effects_of(made.chaos) == ()
    assert 'id="chaos"' not in page_of(view_of(made), charts_of(made, {}))


def order(word, at_s, **more):
    return Override(
        order=word, scenario="s", iteration=0, offset_ns=0, at_ns=START_NS + int(at_s * 1e9),
        at_utc="2026-01-01T00:00:00Z", **more,
    )  # fmt: skip


def test_pauses_and_other_rates_are_bands_too(samples):
    orders = (
        order("rate", 2, rate_per_s=80.0),
        order("pause", 3),
        order("resume", 4),
        order("rate", 6, rate_per_s=5.0),
    )
    assert bands_of(a_record(overrides=orders), samples) == [
        Band("80/s", 2.0, 6.0),
        Band("5/s", 6.0, 9.9),
        Band("paused", 3.0, 4.0),
    ]
