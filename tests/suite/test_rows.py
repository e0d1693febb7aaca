"""Rows: a journey takes one for each iteration, a user's fixture one for each user, without any coordination."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tailguard as tg
from tailguard.base.errors import UsageError
from tailguard.engine.schedule import Poisson
from tailguard.engine.workload import Load
from tailguard.pipeline.preparation import Place, within_rows
from tailguard.suite.fixture import fixture_of_rows
from tailguard.suite.plan import plan_scenario
from tailguard.suite.resolver import Resolver
from tailguard.suite.rows import Rows


@pytest.fixture
def buyers(tmp_path):
    path = tmp_path / "buyers.csv"
    path.write_text(
        "id,name\n" + "".join(f"{number},user {number}\n" for number in range(10)), encoding="utf-8"
    )
    return path


def stated(path, use="once"):
    return tg.rows(path, use=use)


def ids(rows, numbers, seed=1):
    return [rows.at(number, seed)["id"] for number in numbers]


def test_once_gives_the_row_of_a_number_and_warm_up_takes_them_from_the_far_end(buyers):
    assert ids(stated(buyers), [0, 1, 9]) == ["0", "1", "9"]
    assert ids(stated(buyers), [-1, -2]) == ["9", "8"]
    with pytest.raises(UsageError, match=r"has 10 rows, and number 10 asks for one more: give it more rows"):
        stated(buyers).at(10, 1)


@given(st.integers(-1000, 1000))
def test_cycle_begins_again_and_warm_up_too_counts_from_the_far_end(number):
    rows = Rows("x.csv", "cycle", "m", "m.py, line 1")
    rows.__dict__["values"] = [{"id": str(each)} for each in range(7)]
    assert rows.at(number, 1)["id"] == str(number % 7)


def test_random_draws_by_the_seed_of_the_run_alone(buyers):
    drawn = ids(stated(buyers, "random"), range(200))
    assert drawn == ids(stated(buyers, "random"), range(200))
    assert drawn != ids(stated(buyers, "random"), range(200), seed=2)
    assert set(drawn) == {str(number) for number in range(10)}


def test_a_relative_file_is_seen_from_the_folder_of_the_file_that_states_it():
    assert tg.rows("buyers.csv").path.parent.name == "suite"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no rows"),
        ("id,name\n", "has no rows"),
        ("id,name\n1,a,b\n", "row 1 has 3 fields, the header 2"),
        ('id\n"open\n', "it is not CSV"),
    ],
)
def test_a_file_that_is_not_rows_is_named_with_the_line_that_states_it(tmp_path, text, why):
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=rf"test_rows.py, line \d+: .*{why}"):
        _ = stated(path).values
    with pytest.raises(UsageError, match="No such file"):
        _ = stated(tmp_path / "none.csv").values


def test_an_unknown_use_is_refused():
    with pytest.raises(UsageError, match="use 'twice' is not one of once, cycle, random"):
        tg.rows("x.csv", use="twice")


@pytest.fixture
def plan(buyers):
    """A scenario whose journey takes a row, and whose user has one of its own; what it saw is in `seen`."""

    @tg.fixture(scope="user")
    def session(card):
        return card["id"]

    @tg.scenario
    def checkout(it, session, buyer):
        it.append((session, buyer["id"]))

    table = {"session": session}
    return lambda use="once": plan_scenario(
        checkout,
        table | {name: fixture_of_rows(name, stated(buyers, use)) for name in ("card", "buyer")},
    )


class Seen(list):
    """An iteration that keeps what its journey saw."""

    number = 0


def test_a_user_has_the_row_of_its_number_and_each_iteration_its_own(plan):
    seen = Seen()
    with Resolver() as resolver, resolver.bind(plan()).user(3) as journey:
        for seen.number in (0, 1, 7):
            journey(seen)
    assert seen == [("3", "0"), ("3", "1"), ("3", "7")]


def test_invariants_take_no_row(buyers):
    @tg.scenario
    def checkout(it, buyer): ...

    @checkout.invariants
    def holds(buyer):
        yield tg.expect("x", 0, 0)

    with pytest.raises(
        UsageError, match="its invariants ask for 'buyer': a row belongs to an iteration or a user"
    ):
        plan_scenario(checkout, {"buyer": fixture_of_rows("buyer", stated(buyers))})


def load(**values):
    return Load(Poisson(50.0, 60.0), **{"workers": 4, "warmup": 2, "min_samples": 5, **values})


def test_a_run_plays_no_more_iterations_than_there_are_rows_and_says_so_before_it_starts(plan, said):
    capped = within_rows(plan(), load())
    assert (capped.max_samples, capped.rows_used_up) == (8, True)
    assert "buyers.csv has 10 rows: checkout plays at most 8 iterations of up to" in said.text
    assert within_rows(plan("cycle"), load()) == load()
    assert not within_rows(plan(), load(max_samples=8)).rows_used_up


def test_too_few_rows_for_the_fewest_samples_or_for_the_users_are_refused(plan):
    with pytest.raises(
        UsageError, match="checkout needs 2 for its warm-up and 9 for its fewest samples: give it more"
    ):
        within_rows(plan(), load(min_samples=9))
    with pytest.raises(UsageError, match="has 10 rows for 11 users of checkout"):
        within_rows(plan(), load(workers=11))


def test_the_blocks_of_a_duet_share_rows_that_are_used_once_and_too_few_are_named_before_it_starts(plan):
    """Ten rows: for two blocks of three iterations and two of a warm-up."""
    short = load(max_samples=3, min_samples=3)
    Place(first=5000, blocks=2).check_rows(plan(), short)
    with pytest.raises(
        UsageError,
        match=r"10 rows: 3 pairs of blocks of checkout may take 15: .*, or give --pairs 2 or fewer",
    ):
        Place(first=5000, blocks=3).check_rows(plan(), short)
    Place(first=5000, blocks=3).check_rows(plan("cycle"), short)


def test_the_blocks_of_a_duet_take_each_row_once_from_the_first_on_the_warm_ups_from_the_last(plan):
    short, taken = load(max_samples=3, min_samples=3), []
    with Resolver() as resolver:
        bound = resolver.bind(plan())
        for before in range(2):
            workload = Place(first=5000, before=before, blocks=2).workload(bound, short)
            numbers = [workload.first + index for index in range(short.max_samples)]
            numbers += [-1 - workload.first_warmup - index for index in range(short.warmup)]
            taken += [bound.plan.rows["buyer"].at(number, 1)["id"] for number in numbers]
    assert sorted(map(int, taken)) == list(range(10))
