"""A user's own mistakes, through the installed locust: each message names the thing, its value and the next step."""

import pytest

from tailguard.record.run_record import Ended
from tests.support.locust_runs import LIMIT_S

pytestmark = pytest.mark.proof
TARGET = """
[target.login]
kind = "jwt"
secret = "${DELTACROWN_SECRET}"
claims = { user_id = "{user.id}", token_type = "access", jti = "{uuid}" }
[target.pools.users]
generate = { id = "1..50" }
[target.pools.tournaments]
generate = { id = "1..20" }
[target.steps.register]
path = "/api/tournaments/registrations/solo/"
method = "POST"
body = { tournament_id = "{tournament.id}" }
expect = [201]
"""


def with_target(locust, text):
    (locust.folder / "t.toml").write_text(text, encoding="utf-8")
    words = ("-u", "4", "-r", "4", "-t", "4s", "--tailguard-target", str(locust.folder / "t.toml"))
    code = locust.alone("mistake", *words, "RegistrationUser").wait(LIMIT_S)
    return code, locust.log("mistake")


def test_a_wrong_route_names_step_path_status_and_where_to_look(locust):
    code, log = with_target(locust, TARGET.replace("/tournaments/", "/tournament/"))
    assert code in {65, 99}, log
    record = locust.run().record
    assert list(record.scenarios["registration"].errors) == ["Status404"]
    assert record.scenarios["registration"].counts.ok == 0
    [doubt] = [each for each in record.doubts if each.kind == "failing_scenario"]
    assert "register (POST /api/tournament/registrations/solo/) answered 404" in doubt.measured
    assert "check the path" in doubt.remedy


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            TARGET.replace("steps.register]", "steps.registr]"),
            "'registr' is unknown. Did you mean 'register'?",
        ),
        (TARGET.replace('generate = { id = "1..20" }', 'file = "no.csv"'), "Write it as a CSV"),
        (TARGET.replace('"jwt"', '"token"'), "[target.login]"),
    ],
)
def test_a_mistake_in_the_targets_file_ends_before_anything_starts(locust, wrong, told):
    code, log = with_target(locust, wrong)
    assert code == 64, log
    [line] = [line for line in log.splitlines() if line.startswith("Error: ")]
    assert told in line
    assert str(locust.folder) in line
    assert "Traceback" not in log


def test_a_run_that_cannot_begin_says_so_in_one_line_and_reports_nothing(locust):
    locust.url = "http://127.0.0.1:1"
    code = locust.alone("cannot", "-u", "1", "-t", "4s", "WebsocketBroadcastUser").wait(LIMIT_S)
    log = locust.log("cannot")
    assert code == 64, log
    assert "This run cannot begin. worker local: 50 subscribers could not join ws://127.0.0.1:1/" in log
    assert "VERDICTS" not in log
    record = locust.run().record
    assert (record.ended, record.exit_code) == (Ended.BROKE_OFF, None)
    assert record.why_incomplete.startswith("This run cannot begin. worker local: 50 subscribers")
