"""Where the run key comes from, and who is refused without one."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from tailguard.base.errors import UsageError
from tailguard.base.secrets import mask
from tailguard.locust.run_key import RunKey, given_key, own_key, refuse_without_key

KEY = "k" * 20 + "0123456789ab"


def test_it_is_given_by_a_variable_or_in_a_file(tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    from_file = given_key({"TAILGUARD_RUN_KEY_FILE": str(tmp_path / "key")})
    assert from_file == given_key({"TAILGUARD_RUN_KEY": KEY}) == RunKey(KEY, given=True)
    assert given_key({"TAILGUARD_RUN_KEY": " "}) is None


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"TAILGUARD_RUN_KEY": "short"}, "TAILGUARD_RUN_KEY has 5 characters: give 32 or more"),
        ({"TAILGUARD_RUN_KEY_FILE": "/dev/null"}, "Cannot read /dev/null: it is a pipe or a device"),
        ({"TAILGUARD_RUN_KEY_FILE": "/nowhere"}, "Cannot read /nowhere: No such file"),
        ({"TAILGUARD_RUN_KEY": KEY, "TAILGUARD_RUN_KEY_FILE": "/nowhere"}, "leave one of them out"),
    ],
)
def test_one_that_cannot_be_used_is_named_with_what_to_do(environ, told):
    with pytest.raises(UsageError) as error:
        given_key(environ)
    assert told in str(error.value)


def test_a_users_own_is_one_for_all_processes_and_nobody_else_can_read_it(tmp_path):
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    with ThreadPoolExecutor(8) as at_once:
        keys = set(at_once.map(lambda _: own_key(environ, "another").text, range(40)))
    assert len(keys) == 1
    assert keys != {"another"}
    [file] = (tmp_path / "tailguard").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_place_to_keep_it_processes_that_are_forked_share_one():
    assert own_key({"XDG_STATE_HOME": "/proc/nowhere"}, KEY) == RunKey(KEY, given=False)


def test_it_is_masked_wherever_it_turns_up_and_what_follows_from_it_is_another_secret_for_each_purpose():
    key = RunKey(KEY, given=True)
    assert mask(f"the key is {KEY}") == "the key is ***"
    assert KEY not in repr(key)
    assert key.derived("one") == RunKey(KEY, given=False).derived("one") != key.derived("another")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.3.1", "::1", "localhost"])
def test_a_master_on_this_machine_needs_none_of_yours(host):
    refuse_without_key(host, RunKey(KEY, given=False))


@pytest.mark.parametrize("host", ["*", "0.0.0.0", "::", "10.0.0.5", "master.example.org"])
def test_a_master_that_others_reach_needs_one(host):
    refuse_without_key(host, RunKey(KEY, given=True))
    with pytest.raises(UsageError, match="TAILGUARD_RUN_KEY"):
        refuse_without_key(host, RunKey(KEY, given=False))
