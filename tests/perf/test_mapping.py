"""A mapping asks a platform that is shaped unlike the reference, and every mistake in it is named."""

import pytest
from click.testing import CliRunner

from perf.mapping.login import LoginError, log_in
from perf.mapping.mapped import MappedPlatform, PoolExhaustedError, Throttled
from perf.mapping.pools import PooledRows, read_pools
from perf.mapping.target import load_target
from perf.platform import Platform, RefusedError
from perf.preflight import preflight
from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask
from tailguard.http.remote_target import Credential
from tests.support.other_platform import MAPPING, other_platform, write_mapping

pytestmark = pytest.mark.system


@pytest.fixture
def other(monkeypatch):
    monkeypatch.setenv("OTHER_PASSWORD", "open sesame")
    with other_platform() as served:
        yield served


@pytest.fixture
def platform(other, tmp_path):
    made = connect(other[0], write_mapping(tmp_path))
    yield made
    made.close()


def connect(host, path):
    target = load_target(path)
    return MappedPlatform(target, host, read_pools(target.pools, target.folder, "here"), log_in(target, host))


def read_all(path):
    target = load_target(path)
    return read_pools(target.pools, target.folder, target.source)


def test_a_mapped_platform_is_a_platform_like_any_other(platform):
    assert isinstance(platform, Platform)


def test_a_registration_by_session_and_csrf_and_its_refusal(platform, other):
    platform.register(7, 0)
    assert other[1].entries == {("spring-cup", "p10")}
    with pytest.raises(RefusedError):
        platform.register(7, 0)


def test_a_path_holds_what_a_pool_has_however_it_is_spelt(platform):
    with pytest.raises(Exception, match="404") as caught:
        platform.register(8, 0)  # "winter cup": quoted into one segment, which this platform does not know
    assert type(caught.value).__name__ == "Status404"


def test_a_result_as_a_form_and_a_match_that_may_be_used_once(platform, other):
    assert platform.submit_result(501, 0, 3, 1, 1).version is None
    assert other[1].results == {501: ("3", "1")}
    with pytest.raises(PoolExhaustedError, match="501"):
        platform.submit_result(501, 0, 3, 2, 1)
    assert "give it more rows" in platform.exhausted


def test_a_transfer_keeps_its_numbers_numbers(platform, other):
    platform.transfer(1, 2, 5, "k")
    assert (other[1].balances[1], other[1].balances[2]) == (95, 105)


def test_a_certificate_goes_up_as_it_is_and_comes_back_through_its_link(platform):
    body = "<svg>Curaçao 東京 Δ 🏆</svg>".encode()
    stored = platform.upload_certificate(1, body, "winner")
    assert platform.read_presigned(stored.id) == body


def test_a_throttled_target_is_told_from_a_slow_one(platform, other):
    other[1].most_requests = other[1].requests
    with pytest.raises(Throttled, match="Retry-After 17 s"):
        platform.register(7, 1)
    assert "lift its rate" in platform.throttled


def test_scenarios_that_the_target_lacks_a_step_for_are_skipped_with_the_reason(tmp_path):
    skipped = load_target(write_mapping(tmp_path)).skipped(
        ["registration", "websocket_broadcast", "certificate_upload"]
    )
    assert skipped == {"websocket_broadcast": "it has no feed: this platform has no WebSocket"}


def test_pools_come_in_the_shape_of_seeded_rows_each_lane_with_matches_of_its_own(tmp_path):
    target = load_target(write_mapping(tmp_path))
    pools = read_pools(target.pools, target.folder, "here")
    lanes = [PooledRows(pools, lane, 2) for lane in range(2)]
    assert [list(lane.matches_of("matches")) for lane in lanes] == [[501], [502]]
    assert list(lanes[0].users) == [0, 1, 2, 3, 4]
    assert (lanes[0].hot_tournament, lanes[1].participants(502)) == (7, (1, 1))


def test_a_wrong_password_is_named_and_not_shown(other, tmp_path, monkeypatch):
    monkeypatch.setenv("OTHER_PASSWORD", "wrong-password-of-12")
    target = load_target(write_mapping(tmp_path))
    with pytest.raises(LoginError) as caught:
        log_in(target, other[0])
    assert "403" in str(caught.value)
    assert "wrong-password" not in str(caught.value)


def test_a_secret_that_is_not_set_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("OTHER_PASSWORD", raising=False)
    with pytest.raises(UsageError, match="OTHER_PASSWORD, which is not set"):
        log_in(load_target(write_mapping(tmp_path)), "http://127.0.0.1:1")


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
    first = log_in(load_target(write_mapping(tmp_path, by_file)), "http://unused")[0]
    assert first == Credential(headers={"Authorization": "Bearer t10"}, token="t10")
    token = log_in(load_target(write_mapping(tmp_path, signed)), "http://unused")[0].token
    assert token.count(".") == 2
    assert mask(f"Bearer {token}") == "Bearer ***"


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("[target.steps.register]", "[target.steps.regster]", "Did you mean 'register'"),
        ("[target.steps.upload]\n", "[target.steps.upload]\nurl = 1\n", "'url' is unknown"),
        ('method = "POST"\npath = "/cups', 'method = "post"\npath = "/cups', "method is 'post'"),
        ('path = "/coins"', 'path = "coins"', "begins with /"),
        ("{tournament.slug}", "{match.id}", "{match.id} stands for nothing here"),
        ("expect = [202]", "expect = [20]", "a list of statuses"),
        ('feed = "this', 'submit = "this', "denies submit"),
        ("[target.pools.wallets]", "[target.pools.purses]", "no pool of ours"),
        ('id = "1..6"', 'id = "6..1"', "a range of ids"),
        ('file = "games.csv"', 'file = "no.csv"', "cannot read"),
        ("throttled = [503]", "throttled = [503]\nhealthy = 1", "'healthy' is unknown"),
    ],
)
def test_a_mistake_in_a_mapping_is_named_with_its_place(tmp_path, right, wrong, told):
    assert right in MAPPING
    path = write_mapping(tmp_path, MAPPING.replace(right, wrong, 1))
    with pytest.raises(UsageError) as caught:
        read_all(path)
    assert told in str(caught.value)
    assert "other.toml" in str(caught.value)


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


def test_preflight_sees_a_target_that_throttles(other, tmp_path):
    other[1].most_requests = 24
    done = CliRunner().invoke(
        preflight,
        ["--host", other[0], "--target", str(write_mapping(tmp_path)), "--burst", "30"],
        standalone_mode=False,
    )
    assert "throttled: lift the target's rates" in done.output
    assert done.return_value == 65


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
