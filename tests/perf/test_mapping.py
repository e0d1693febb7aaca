"""A mapping asks a platform that is shaped unlike the reference, and every mistake in it is named."""

import re
import threading
from contextlib import closing, contextmanager

import jwt
import msgspec
import pytest
from click.testing import CliRunner

from perf.commands.preflight import preflight
from perf.mapping.login import log_in, login_of
from perf.mapping.mapped import AcceptedFullError, AnswerFieldError, PoolExhaustedError, Throttled
from perf.mapping.opened import open_target, users_of
from perf.mapping.pools import read_pools, rows_of_pools
from perf.mapping.target import (
    FeedMapping,
    MatchState,
    Pools,
    Read,
    Refusal,
    Steps,
    Submit,
    TopTable,
    Upload,
    load_mapping,
)
from perf.platform import NEEDED, STEPS, RefusedError
from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask
from tailguard.http import Credential, HttpConnections, LoginError, fill
from tailguard.http.template import with_environment
from tailguard.suite.data import to_data
from tailguard.suite.invariants import SkippedError
from tailguard.suite.resolver import Resolver
from tailguard.suite.run import Run, Target
from tests.support.other_platform import MAPPING, other_platform, write_mapping
from tests.support.played import bound, built_ins, planned, play

pytestmark = pytest.mark.system


@pytest.fixture
def other(monkeypatch):
    monkeypatch.setenv("OTHER_PASSWORD", "open sesame")
    with other_platform() as served:
        yield served


@pytest.fixture
def notes():
    return {}


@pytest.fixture
def platform(other, tmp_path, notes):
    with asked(other[0], write_mapping(tmp_path), notes.__setitem__) as platform:
        yield platform


@contextmanager
def asked(host, path, note):
    target = open_target(load_mapping(path), host)
    with closing(HttpConnections()) as connections, target.platform(connections, note) as platform:
        yield platform


def pools_in(path):
    mapping = load_mapping(path)
    return read_pools(mapping.pools, mapping.folder, mapping.source)


def logged_in(path, host):
    mapping = load_mapping(path)
    return log_in(mapping, login_of(mapping), host, users_of(pools_in(path)))


@pytest.mark.parametrize("protocol", [protocol for _, protocol in STEPS.values()])
def test_a_mapped_platform_has_every_step(platform, protocol):
    assert isinstance(platform, protocol)


def test_a_registration_by_session_and_csrf_and_its_refusal(platform, other):
    platform.register(7, 0)
    assert other[1].entries == {("spring-cup", "p10")}
    with pytest.raises(RefusedError, match=r'answered 422: {"problem": "already in this cup"}'):
        platform.register(7, 0)


def test_a_path_holds_what_a_pool_has_however_it_is_spelt(platform):
    with pytest.raises(Exception, match="404") as caught:
        platform.register(8, 0)  # "winter cup": quoted into one segment, which this platform does not know
    assert type(caught.value).__name__ == "Status404"
    assert str(caught.value).endswith(
        '(POST /cups/{tournament.slug}/players) answered 404 (X-Request-Id r-9): {"oops": "no such place"}'
    )


def test_a_result_as_a_form_and_a_match_that_may_be_used_once(platform, other, notes):
    assert platform.submit_result(501, 0, 3, 1, 1).version is None
    assert other[1].results == {501: ("3", "1")}
    with pytest.raises(PoolExhaustedError, match="501"):
        platform.submit_result(501, 0, 3, 2, 1)
    assert "give it more rows" in notes["pool_exhausted"]


def test_a_transfer_keeps_its_numbers_numbers(platform, other):
    platform.transfer(1, 2, 5, "k")
    assert (other[1].balances[1], other[1].balances[2]) == (95, 105)


def test_a_certificate_goes_up_as_it_is_and_comes_back_through_its_link(platform):
    body = "<svg>Curaçao 東京 Δ 🏆</svg>".encode()
    stored = platform.upload_certificate(1, body, "winner")
    assert platform.read_presigned(stored.id) == body


def test_a_throttled_target_is_told_from_a_slow_one(platform, other, notes):
    other[1].most_requests = other[1].requests
    with pytest.raises(Throttled, match="Retry-After 17 s"):
        platform.register(7, 1)
    assert "lift its rate" in notes["throttled"]


def test_scenarios_that_the_target_lacks_a_step_for_are_skipped_with_the_reason(tmp_path):
    skipped = load_mapping(write_mapping(tmp_path)).skipped(
        ["registration", "websocket_broadcast", "certificate_upload"]
    )
    assert skipped == {"websocket_broadcast": "it has no feed: this platform has no WebSocket"}


def test_a_scenario_whose_pool_is_not_there_is_skipped(tmp_path):
    text = MAPPING.replace('[target.pools.wallets]\ngenerate = { id = "1..6" }\n', "")
    assert load_mapping(write_mapping(tmp_path, text)).skipped(["economy_transfer"]) == {
        "economy_transfer": "there is no [target.pools.wallets]"
    }


def test_the_shipped_example_speaks_the_real_platforms_contract(pytestconfig):
    mapping = load_mapping(pytestconfig.rootpath / "docs" / "examples" / "deltacrown-mapping.toml")
    register, submit = mapping.steps.register, mapping.steps.submit
    assert (register.method, register.path, register.expect) == (
        "POST",
        "/api/tournaments/registrations/solo/",
        (201,),
    )
    assert register.conflict_if == (Refusal(contains="already registered", status=400),)
    assert submit.path == "/api/tournaments/results/{match.id}/submit-result/"
    assert set(submit.body) == {"participant1_score", "participant2_score"}
    assert mapping.feed.key_path == "data.match_id"
    assert set(mapping.skipped(NEEDED)) == {"economy_transfer", "certificate_upload"}
    assert mapping.top.throttled == (429,)


def test_templates_keep_the_type_of_a_value_that_stands_alone():
    values = {"user": {"id": 7, "name": "Zoë"}, "key": "k"}
    assert fill({"id": "{user.id}", "text": "{user.name}-{key}", "list": ["{user.id}"]}, values) == {
        "id": 7,
        "text": "Zoë-k",
        "list": [7],
    }
    with pytest.raises(UsageError, match="user has id, name"):
        fill("{user.nick}", values)
    assert with_environment({"a": ["${X}!"]}, "here", {"X": "1"}) == {"a": ["1!"]}


def test_pools_come_in_the_shape_of_seeded_rows(tmp_path):
    rows = rows_of_pools(pools_in(write_mapping(tmp_path)))
    assert list(rows.users) == [0, 1, 2, 3, 4]
    assert (rows.hot_tournament, rows.unwatched) == (7, [(501, 0), (502, 1)])


def test_a_match_whose_participant_nobody_can_log_in_as_is_named(tmp_path):
    path = write_mapping(tmp_path)
    (tmp_path / "games.csv").write_text("id,participant\n501,99\n", encoding="utf-8")
    with pytest.raises(UsageError, match="match 501 has participant 99, which is not in the pool of users"):
        rows_of_pools(pools_in(path))


def test_a_scenario_plays_at_a_mapped_target_and_its_invariants_are_not_checked(other, tmp_path):
    run = Run("r1", 7)
    target = Target(other[0], str(write_mapping(tmp_path)))
    with bound("economy_transfer", built_ins(tmp_path, target=target, run=run)) as scenario:
        measured, _ = play(scenario, 20)
    assert int(measured.samples.ok("transfer").sum()) == 20
    assert scenario.unchecked == "no DSN says where the target's database is"
    assert sum(other[1].balances.values()) == 100 * len(other[1].balances)


def test_a_scenario_that_the_target_lacks_a_step_for_is_skipped_where_the_run_is_planned(other, tmp_path):
    given = built_ins(tmp_path, target=Target(other[0], str(write_mapping(tmp_path))))
    with (
        Resolver() as resolver,
        pytest.raises(SkippedError, match="it has no feed: this platform has no WebSocket"),
    ):
        resolver.export([planned("websocket_broadcast", given)])


def test_credentials_are_renewed_before_they_expire(other, tmp_path):
    text = MAPPING.replace('kind = "session"', 'kind = "session"\nrenew_after_s = 0.05')
    target, renewed = open_target(load_mapping(write_mapping(tmp_path, text)), other[0]), threading.Event()
    with closing(HttpConnections()) as connections, target.platform(connections, print) as platform:
        use, platform.use = platform.use, lambda credentials: (use(credentials), renewed.set())
        assert renewed.wait(60)
        platform.register(7, 0)
    assert "log-in" not in {thread.name for thread in threading.enumerate()}


def test_a_wrong_password_is_named_and_not_shown(other, tmp_path, monkeypatch):
    monkeypatch.setenv("OTHER_PASSWORD", "wrong-password-of-12")
    with pytest.raises(LoginError) as caught:
        logged_in(write_mapping(tmp_path), other[0])
    assert "403" in str(caught.value)
    assert "wrong-password" not in str(caught.value)


def test_a_secret_that_is_not_set_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("OTHER_PASSWORD", raising=False)
    with pytest.raises(UsageError, match="OTHER_PASSWORD, which is not set"):
        logged_in(write_mapping(tmp_path), "http://127.0.0.1:1")


def test_a_request_may_hold_a_variable_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CUPS", "/cups")
    text = MAPPING.replace('path = "/cups/', 'path = "${CUPS}/')
    with pytest.raises(UsageError, match="NO_SUCH_VARIABLE, which is not set"):
        load_mapping(write_mapping(tmp_path, text.replace("${CUPS}", "/${NO_SUCH_VARIABLE}")))
    path = load_mapping(write_mapping(tmp_path, text)).steps.register.path
    assert path == "/cups/{tournament.slug}/players"


def test_tokens_are_read_from_a_file_or_signed_with_the_test_systems_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("JWT_SECRET", "s" * 40)
    start, end = MAPPING.index("[target.login]"), MAPPING.index("[target.pools.users]")
    by_file = MAPPING[:start] + '[target.login]\nkind = "tokens"\nfile = "tokens.csv"\n' + MAPPING[end:]
    signed = (
        MAPPING[:start]
        + '[target.login]\nkind = "jwt"\nsecret = "${JWT_SECRET}"\nclaims = { user_id = "{user.id}" }\n'
        + MAPPING[end:]
    )
    (tmp_path / "tokens.csv").write_text(
        "".join(f"{user},t{user}\n" for user in range(10, 15)), encoding="utf-8"
    )
    first = logged_in(write_mapping(tmp_path, by_file), "http://unused")[0]
    assert first == Credential({"Authorization": "Bearer t10"}, "t10")
    token = logged_in(write_mapping(tmp_path, signed), "http://unused")[0].token
    assert token.count(".") == 2
    assert mask(f"Bearer {token}") == "Bearer ***"


def test_a_file_of_tokens_that_never_ends_is_refused(tmp_path):
    start, end = MAPPING.index("[target.login]"), MAPPING.index("[target.pools.users]")
    text = MAPPING[:start] + '[target.login]\nkind = "tokens"\nfile = "/dev/zero"\n' + MAPPING[end:]
    with pytest.raises(UsageError, match="may never end"):
        logged_in(write_mapping(tmp_path, text), "http://unused")


@pytest.mark.parametrize("lifetime", ["", "lifetime_s = 900\n"])
def test_other_processes_get_tokens_for_a_day_and_not_what_signs_them(tmp_path, monkeypatch, lifetime):
    monkeypatch.setenv("JWT_SECRET", "s" * 40)
    start, end = MAPPING.index("[target.login]"), MAPPING.index("[target.pools.users]")
    login = '[target.login]\nkind = "jwt"\nsecret = "${JWT_SECRET}"\nclaims = { user_id = "{user.id}" }\n'
    text = MAPPING[:start] + login + lifetime + MAPPING[end:]
    opened = open_target(load_mapping(write_mapping(tmp_path, text)), "http://unused")
    copied = msgspec.json.encode(to_data(opened.for_workers(), "mapped")).decode()
    assert ("s" * 40 in copied) is bool(lifetime)
    assert ("JWT_SECRET" in copied) is bool(lifetime)
    claims = jwt.decode(opened.for_workers().credentials[0].token, "s" * 40, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == (900 if lifetime else 86_400)


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("[target.steps.register]", "[target.steps.regster]", "Did you mean 'register'"),
        (
            "[target.steps.upload]\n",
            "[target.steps.upload]\nurl = 1\n",
            "upload: Object contains unknown field `url`",
        ),
        (
            'method = "POST"\npath = "/cups',
            'method = "post"\npath = "/cups',
            "register.method: Invalid enum value 'post'",
        ),
        ('path = "/coins"', 'path = "coins"', "transfer.path: Expected `str` matching regex '^/'"),
        ("{tournament.slug}", "{match.id}", "{match.id} stands for nothing here"),
        ("expect = [202]", "expect = [20]", "register.expect[0]: Expected `int` >= 100"),
        ('feed = "this', 'submit = "this', "denies submit"),
        ("[target.pools.wallets]", "[target.pools.purses]", "[target.pools]: unknown key 'purses'"),
        ('id = "1..6"', 'id = "6..1"', "a range of at most 1,000,000 ids"),
        ('id = "1..6"', 'id = "1..3"', "[target.pools.wallets] has 3 rows: give 4 or more"),
        ('file = "games.csv"', 'file = "no.csv"', "Cannot read"),
        ('file = "games.csv"', 'file = "/dev/zero"', "may never end"),
        ('id = "1..6"', 'id = "1..999999999999"', "a range of at most 1,000,000 ids"),
        (
            "throttled = [503]",
            "throttled = [503]\nhealthy = 1",
            "unknown key 'healthy'. Did you mean 'health'",
        ),
    ],
)
def test_a_mistake_in_a_mapping_is_named_with_its_place(tmp_path, right, wrong, told):
    assert right in MAPPING
    path = write_mapping(tmp_path, MAPPING.replace(right, wrong, 1))
    with pytest.raises(UsageError) as caught:
        rows_of_pools(pools_in(path))
    assert told in str(caught.value)
    assert "other.toml" in str(caught.value) or "[target.pools." in str(caught.value)


def test_preflight_says_what_is_ready_what_is_absent_and_what_is_not(other, tmp_path):
    path = write_mapping(tmp_path)
    done = CliRunner().invoke(preflight, ["--host", other[0], "--target", str(path)], standalone_mode=False)
    lines = {line[9:].partition(":")[0]: line[:7].strip() for line in done.output.splitlines()}
    assert lines["health"] == lines["log-in"] == lines["step submit"] == lines["step presigned_read"] == "ok"
    assert (
        lines["step register"] == "FAILED"
    )  # its last cup is the one that is spelt in a way this platform lacks
    assert lines["WebSocket"] == lines["connections"] == "skipped"
    assert done.return_value == 65


def test_preflight_shows_where_a_redirect_leads_and_what_a_failed_step_said(other, tmp_path):
    path = write_mapping(tmp_path, MAPPING.replace('health = "/alive"', 'health = "/moved"'))
    done = CliRunner().invoke(preflight, ["--host", other[0], "--target", str(path)], standalone_mode=False)
    assert (
        "FAILED   health: /moved answered 301, a redirect to https://elsewhere.example/: use" in done.output
    )
    done = CliRunner().invoke(
        preflight, ["--host", other[0], "--target", str(write_mapping(tmp_path))], standalone_mode=False
    )
    assert '404 (X-Request-Id r-9): {"oops": "no such place"}. Expected 202: check' in done.output


def preflighted(host, path, *words):
    return CliRunner().invoke(
        preflight, ["--host", host, "--target", str(path), *words], standalone_mode=False
    )


def test_preflight_sees_a_target_that_throttles_a_step(other, tmp_path):
    other[1].most_requests = 24
    done = preflighted(other[0], write_mapping(tmp_path), "--burst", "30")
    assert re.search(
        r"FAILED   burst register: \d+ of 30 requests were throttled: lift the target's rates", done.output
    )
    assert done.return_value == 65


def test_preflights_burst_asks_each_step_that_may_be_asked_again_and_again(other, tmp_path):
    done = preflighted(other[0], write_mapping(tmp_path))
    bursts = [line[9:].partition(":")[0] for line in done.output.splitlines() if "burst" in line]
    assert bursts == ["burst register", "burst transfer", "burst presigned_read"]  # a match may be used once


def test_preflight_says_if_its_burst_met_no_step(other, tmp_path):
    text = MAPPING[: MAPPING.index("[target.steps.register]")] + (
        '[target.steps.submit]\nmethod = "PUT"\npath = "/games/{match.id}/score"\n'
        'form = { home = "{score1}", away = "{score2}" }\nexpect = [204]\n'
    )
    done = preflighted(other[0], write_mapping(tmp_path, text))
    assert "burst /alive (health only: no step may be asked again and again): 20 requests" in done.output


def test_preflight_compares_what_was_uploaded_with_what_is_read(other, tmp_path):
    text = MAPPING.replace(
        'link = "at"\n', ""
    )  # so that the answer with the link is taken for the certificate
    done = preflighted(other[0], write_mapping(tmp_path, text))
    assert "FAILED   step presigned_read: CertificateChangedError" in done.output
    assert done.return_value == 65


def test_preflight_leaves_out_a_step_without_rows_and_refuses_a_target_without_any(other, tmp_path):
    start, end = MAPPING.index("[target.pools.tournaments]"), MAPPING.index("[target.steps.register]")
    one_pool = MAPPING[:start] + '[target.pools.wallets]\ngenerate = { id = "1..4" }\n' + MAPPING[end:]
    done = preflighted(other[0], write_mapping(tmp_path, one_pool))
    assert "skipped  step register: there is no [target.pools.tournaments]" in done.output
    assert "ok       step transfer" in done.output
    refused = preflighted(other[0], write_mapping(tmp_path, MAPPING[:start] + MAPPING[end:])).exception
    assert isinstance(refused, UsageError)
    assert "has nothing to ask: a step needs its pool" in str(refused)


def test_preflight_counts_the_databases_connections(other, tmp_path, postgres):
    words = ["--host", other[0], "--target", str(write_mapping(tmp_path)), "--dsn", postgres.dsn]
    done = CliRunner().invoke(preflight, words, standalone_mode=False)
    assert "connections in use" in done.output


def test_preflight_ends_where_nobody_answers(tmp_path):
    words = ["--host", "http://127.0.0.1:1", "--target", str(write_mapping(tmp_path))]
    done = CliRunner().invoke(preflight, words, standalone_mode=False)
    assert done.output.startswith("FAILED   health")
    assert len(done.output.splitlines()) == 1


def test_preflight_names_a_host_that_speaks_no_tls(other, tmp_path):
    words = ["--host", other[0].replace("http", "https"), "--target", str(write_mapping(tmp_path))]
    done = CliRunner().invoke(preflight, words, standalone_mode=False)
    assert done.output.startswith("FAILED   health")
    assert "SSL" in done.output


def test_the_reference_page_has_every_pool_and_every_key_of_a_step_and_of_the_feed(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "reference" / "mapping.md").read_text(encoding="utf-8")
    kinds = (TopTable, Pools, Steps, Submit, MatchState, Upload, Read, FeedMapping)
    assert {key for kind in kinds for key in kind.__struct_fields__ if f"`{key}`" not in page} == set()


def test_a_matchs_state_is_read_where_the_mapping_says(other, tmp_path):
    text = MAPPING + (
        '[target.steps.match_scores]\nmethod = "GET"\npath = "/games/{match.id}"\n'
        'score1 = "sides.A.score"\nscore2 = "sides.B.score"\nupdated_at = "at"\n'
    )
    with asked(other[0], write_mapping(tmp_path, text), print) as platform:
        platform.submit_result(501, 0, 3, 1, 1)
        scores = platform.match_scores(501)
    assert (scores.participant1_score, scores.participant2_score) == (3, 1)
    assert scores.updated_at.isoformat() == "2026-11-29T12:00:00+00:00"


def test_an_answer_without_the_field_names_the_key_that_says_where_it_is(other, tmp_path):
    text = MAPPING + '[target.steps.match_scores]\nmethod = "GET"\npath = "/games/{match.id}"\n'
    with asked(other[0], write_mapping(tmp_path, text), print) as platform:
        platform.submit_result(501, 0, 3, 1, 1)
        with pytest.raises(
            AnswerFieldError, match=r"no 'participant1_score' as expected .* with score1 = in \[target"
        ):
            platform.match_scores(501)


def test_who_is_let_into_a_full_tournament_is_an_error(other, tmp_path):
    text = MAPPING.replace(
        "[target.pools.matches]", '[target.pools.full_tournaments]\nfile = "cups.csv"\n[target.pools.matches]'
    )
    with (
        asked(other[0], write_mapping(tmp_path, text), print) as platform,
        pytest.raises(
            AcceptedFullError, match=r"7 is full by \[target.pools.full_tournaments\], and took user 0 in"
        ),
    ):
        platform.register(7, 0)


@pytest.mark.parametrize("count", [1, 2])
def test_results_submitted_together_draw_on_a_match_once(other, tmp_path, count):
    text = MAPPING.replace("expect = [204]", f"expect = [204]\ntogether = {count}")
    with asked(other[0], write_mapping(tmp_path, text), lambda *_: None) as platform:
        for _ in range(count):
            platform.submit_result(501, 0, 3, 1)
        with pytest.raises(PoolExhaustedError):
            platform.submit_result(501, 0, 3, 1)
