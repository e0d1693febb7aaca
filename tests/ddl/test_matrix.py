"""Four cells of the matrix, one of each class and one whose requests fail; `make ddl-matrix` plays them all."""

import pytest

from tailguard.base.clock import MonotonicClock
from tailguard.ddl.observe import observe
from tailguard.judge.proof.holds import holds_of
from tailguard.judge.proof.lock_words import ROWS
from tailguard.migrations.kinds import Kind, kind_called, kinds, recognise
from tailguard.migrations.text.script import blocks, split
from tailguard.record.ddl import DdlStep, ProvedStatement
from tests.ddl.matrix import SIZES, accused, answers, failed, proved, set_up
from tests.ddl.page import PAGE, heads
from tests.support.each import each
from tests.support.suite import ROOT

FOUR = ["check", "add-column", "drop-column", "create-index-concurrently"]


def called(slug: str) -> Kind:
    kind = kind_called(slug)
    assert kind is not None
    return kind


@pytest.mark.system
@pytest.mark.parametrize("slug", FOUR)
def test_what_stalls_is_caught_and_the_safe_way_is_not_accused(world, slug):
    kind = called(slug)
    found = proved(world, kind)
    assert bool(failed(found)) is (kind.of_class != "c"), answers(found)
    assert ("1 locks" in failed(found)) is (kind.of_class == "a")
    assert ("1 no failed request of readers" in failed(found)) is (slug == "drop-column")
    assert accused(found) == []
    (step,) = found.proof.steps
    assert step.statements[0].kind == slug
    assert (step.control is not None) is (kind.of_class == "c")
    if step.safe is not None:
        assert all(trial.attempts > 1 for trial in step.safe.trials)


@pytest.mark.proof
@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.slug) for kind in kinds() if kind.match])
def test_the_lock_and_the_growth_are_those_that_the_table_names(seeded_world, world, kind: Kind):
    set_up(world, kind.setup)
    (block,) = blocks([*split(kind.example)])
    with world.advance() as database:
        (seen,) = observe(database, block, MonotonicClock())
    found = recognise(kind.example, grows=seen.grows, partitioned=bool(kind.partitioned))
    assert found is not None
    assert found.kind.slug == kind.slug
    step = DdlStep(
        number="1",
        transaction=False,
        statements=(ProvedStatement(line=1, text=kind.example, kind=kind.slug, observed=seen),),
        tables=(),
        unused=tuple(found.unused),
    )
    held = holds_of(step, SIZES)
    if kind.of_class != "c":
        assert kind.lock in {hold.mode for hold in held}, held
        assert any(hold.grows for hold in held) is (kind.of_class == "a")
    else:
        assert not any(hold.grows and hold.mode != ROWS for hold in held), held


def test_the_page_tells_every_kind_as_the_table_has_it():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for head in each(heads()):
        assert f"\n{head}" in page, "run `make ddl-matrix ARGUMENTS=--seconds=0`"
