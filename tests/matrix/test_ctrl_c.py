"""Ctrl-C in each phase of a real run: 130, the prompt in time, a record that can be read, nothing left."""

import pytest

from tests.matrix.cells import HUNG, PHASES, Cell
from tests.matrix.play import play

pytestmark = pytest.mark.proof


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("part", ["runner", HUNG])
def test_ctrl_c_in_any_phase_gives_the_prompt_back_and_leaves_nothing(phase, part):
    played = play(Cell(phase, part, "INT"))
    if played.outcome == "absent":
        pytest.skip(played.why[0])
    assert played.outcome == "survived", "\n".join(played.why)


@pytest.mark.parametrize("fault", ["KILL", "STOP"])
def test_the_subscribers_processs_end_is_no_end_of_the_run(fault):
    played = play(Cell("measure", "subscribers", fault))
    assert (played.outcome, played.exit_code, played.ended) == ("survived", 65, "complete"), played.why
