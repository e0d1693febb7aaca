"""A duet in the report: every metric, the worst first, and nothing of it in a run that is none."""

import pytest
from msgspec.structs import replace

from tailguard.base.state import State
from tailguard.record.duet import Claim, LoadTrial
from tailguard.record.run_record import Ended
from tailguard.report.charts.rendered_charts import charts_of
from tailguard.report.page import page_of
from tailguard.report.text.markdown import markdown_of
from tailguard.report.views import change_view, duet_view
from tailguard.report.views.verdict_view import cards_of
from tailguard.report.views.view import view_of
from tests.support.made_duet import CHANGES, PLAN, change, duet, duet_record
from tests.support.made_run import record
from tests.support.made_samples import samples
from tests.support.on_terminal import shown


@pytest.mark.system
def test_a_run_that_is_no_duet_has_no_such_part() -> None:
    made = record(samples(60))
    assert duet_view.changes_of(made) == ()
    assert "Baseline against candidate" not in page_of(view_of(made), charts_of(made, {}, "none"))


def test_the_worst_metric_comes_first_with_both_values_and_the_interval() -> None:
    first, *others = duet_view.changes_of(duet_record(record(samples(60))))
    assert (first.state, change_view.metric_of(first)) == ("FAIL", "registration p50 of register")
    sides = [change_view.side(first, value) for value in (first.baseline, first.candidate)]
    assert (*sides, change_view.signed(first, first.change)) == ("1.5 ms", "1.7 ms", "+12.3 %")
    shown = (change_view.bounds(first), change_view.margin(first), change_view.slower_pairs(first))
    assert shown == ("+5 % to +20 %", "< +5 %", "18 of 20")
    errors = next(each for each in others if "error" in each.name)
    assert change_view.side(errors, errors.candidate) == "0.1 %"
    assert change_view.margin(errors) == "< +0.5 points"


def test_a_claim_at_several_loads_has_a_row_for_each_and_where_it_turns() -> None:
    refuted = LoadTrial(run="first", rate_per_s=120, state=State.FAIL, change=-0.4, low=-0.5, high=None)
    claim = Claim(title="A <cache>", scenario="registration", step="register", q=0.5, change=-0.6, source="")
    confirmed = change(
        "registration p50 of register", State.PASS, change=-0.7, low=-0.8, high=-0.65, margin=-0.6
    )
    made = duet_record(record(samples(60)), confirmed)
    made = replace(
        made, duet=replace(duet(), claim=claim, rate_per_s=12.5, earlier_loads=(refuted,)), doubts=()
    )
    page = page_of(view_of(made), charts_of(made, {}, "none"))
    assert (
        "A &lt;cache&gt;: CONFIRMED at 12.5/s, REFUTED at 120/s: it turns between 12.5/s and 120/s." in page
    )
    rows = [line for line in page.splitlines() if "/s</td>" in line]
    assert ["12.5/s" in rows[0], "first" in rows[1], len(rows)] == [True, True, 2]
    assert "At which load it turns" not in page_of(
        view_of(replace(made, duet=replace(made.duet, rate_per_s=None))), charts_of(made, {}, "none")
    )


def test_the_page_shows_it_escaped_masked_and_with_what_the_gate_is_worth() -> None:
    made = duet_record(record(samples(60)))
    page = page_of(view_of(made), charts_of(made, {}, "none"))
    assert "Baseline against candidate" in page
    assert "&lt;b&gt;work tree" in page
    assert "false alarms 0/200" in page
    assert "delay_pct=10" in page
    assert "10 % in starting processes" in page
    assert "hush" not in page


def test_a_duet_that_broke_off_before_its_first_pair_can_be_shown() -> None:
    made = duet_record(record(samples(60)))
    early = replace(duet(), blocks=(), watched=(), looks=(), time=None, quality=None)
    made = replace(made, duet=early, verdicts=(), ended=Ended.BROKE_OFF, because="it ended")
    assert duet_view.changes_of(made) == ()
    assert "No pair of blocks was measured." in page_of(view_of(made), charts_of(made, {}, "none"))


def test_the_card_of_a_change_has_a_sign_bounds_and_slower_pairs_and_no_headroom() -> None:
    card = cards_of(duet_record(record(samples(60))))[0]
    assert (card.verdict.state, card.name, card.observed) == ("FAIL", "p50 of register", "+12.3 %")
    assert (card.interval, card.sides) == ("+5 % to +20 %", "1.5 ms → 1.7 ms")
    assert (card.limit_as, card.limit) == ("margin", "< +5 %")
    assert (card.counted_as, card.counted, card.headroom) == ("slower pairs", "18 of 20", "")


def test_a_change_for_the_better_has_a_minus_and_its_bar_grows_from_zero_to_the_left() -> None:
    better = change("registration p50 of register", State.PASS, change=-0.032, low=-0.06, high=None)
    (card,) = cards_of(duet_record(record(samples(60)), better))
    assert card.observed == "\N{MINUS SIGN}3.2 %"
    assert card.interval == "≥ \N{MINUS SIGN}6 %, no upper bound"
    assert card.gauge is not None
    assert card.gauge.low < card.gauge.value < card.gauge.zero < card.gauge.limit < card.gauge.high == 100


@pytest.mark.parametrize(
    ("candidate", "value", "unlike"),
    [(1.7, 0.1234, False), (1.4, 0.1234, True), (1.95, 0.1234, True), (1.49, 0.002, True), (1.5, 0.06, True)],
    ids=["within its bounds", "below them", "above them", "of another sign", "the same on both sides"],
)
def test_where_the_paired_estimate_is_unlike_the_medians_the_metric_is_named(
    candidate, value, unlike
) -> None:
    odd = change(
        "registration p50 of register", State.PASS, candidate=candidate, change=value, low=min(value, 0.05)
    )
    text = duet_view.unlike_medians([odd])
    assert ("So it does here: registration p50 of register." in text) is unlike


def test_what_the_page_says_of_the_paired_estimate_stands_in_run_md_and_on_the_terminal_where_it_shows() -> (
    None
):
    made = duet_record(record(samples(60)))
    texts = (markdown_of(view_of(made)), shown(made))
    assert not any("from pair to pair" in text for text in texts)
    made = duet_record(made, *(replace(each, candidate=1.4) if each.q == 0.5 else each for each in CHANGES))
    texts = (markdown_of(view_of(made)), shown(made), page_of(view_of(made), charts_of(made, {}, "none")))
    assert all("So it does here: registration p50 of register." in " ".join(text.split()) for text in texts)


def test_a_plan_is_compared_in_blocks_and_counts_no_pairs() -> None:
    worse = {"candidate_blocks": 40, "state": State.FAIL, "why": "10 against 40 blocks, the same plan"}
    made = duet_record(record(samples(60)), replace(PLAN, **worse))
    (card,) = cards_of(made)
    assert (card.sides, card.counted) == ("10 blocks → 40 blocks", "")
    assert card.name == "plan of idx_tx_wallet_created_desc"
    assert "10 against 40 blocks" in page_of(view_of(made), charts_of(made, {}, "none"))


def test_a_metric_that_one_side_lacks_shows_no_number() -> None:
    nothing = {"change": None, "low": None, "high": None, "margin": None, "baseline": None, "candidate": None}
    lost = change("registration p50 of gone", State.INVALID, pairs=0, slower=0, **nothing)
    (card,) = cards_of(duet_record(record(samples(60)), lost))
    assert (card.observed, card.interval, card.sides, card.counted) == ("not measured", "", "", "")
    assert card.limit == "none recorded"
    assert card.gauge is None


def test_a_duet_that_could_not_open_its_sides_is_reported_as_that() -> None:
    made = duet_record(record(samples(60)))
    unopened = replace(made, duet=replace(duet(), sides={}, blocks=()), verdicts=(), scenarios={})
    assert "the sides could not be opened" in markdown_of(view_of(unopened))
    assert "the sides could not be opened" in page_of(view_of(unopened), charts_of(unopened, {}, "none"))


def test_the_page_lists_the_commits_between_the_sides_and_says_whose_samples_it_shows() -> None:
    made = duet_record(record(samples(60)))
    page = page_of(view_of(made), charts_of(made, {}, "none"))
    assert "4 commits of the candidate that the baseline has not" in page
    assert "<code>ababababab</code>" in page
    assert "Let &lt;b&gt;each&lt;/b&gt; buyer wait" in page
    assert "and 3 older ones" in page
    assert "The samples of the candidate, of all blocks together." in page
