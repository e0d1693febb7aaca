"""The bars of a migration: of medians that were measured alone."""

from msgspec.structs import replace

from tailguard.report.charts.migration_chart import migration_figure
from tests.support.made_migration import median, migration

NONE = replace(median(1.0), value=None, low=None, high=None, n=1)


def test_medians_of_too_few_repeats_have_no_bars_and_the_reason_instead():
    entry = migration()
    before, after = (replace(each, server_ms=NONE, client_ms=NONE) for each in (entry.before, entry.after))
    figure = migration_figure(replace(entry, before=before, after=after))
    assert figure.spec is None
    assert "migrations.repeats" in figure.caption


def test_measured_medians_have_bars():
    assert migration_figure(migration()).spec is not None
