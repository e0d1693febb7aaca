"""Who has no run key is not heard by a Locust master: real processes, real sockets."""

import os
import secrets
import time
from contextlib import ExitStack

import pytest

from tailguard.base.state import State
from tailguard.locust.clock import ClockPair
from tailguard.locust.messages import Begin, Chunk, Collect, Go, Hello, Ready, for_worker
from tests.support.busy_machine import earned
from tests.support.locust_strangers import Peer, Shop, shout

pytestmark = pytest.mark.system
LIMIT_S = 90
VERSION = "2.47.0"


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def shop(tmp_path, stack):
    return Shop(tmp_path, os.environ, stack)


def measured(shop, process, workers):
    """Wait for the end of a run in which so many workers took part, and from which nothing is missing."""
    code = process.wait(LIMIT_S)
    assert "Traceback" not in shop.log("master")
    record = shop.run().record
    assert record.why_incomplete == "", shop.log("master")
    assert len(record.locust.workers) == workers
    assert record.locust.joined_late == ()
    assert earned(code, record) in {0, 75}, shop.log("master")


def ends(shop, process, code, name="master"):
    assert process.wait(LIMIT_S) == code, shop.log(name)
    assert "Traceback" not in shop.log(name)


def test_a_master_listens_on_this_machine_alone(shop):
    assert shop.listening(shop.master()) == {"127.0.0.1"}


def test_a_stranger_is_told_nothing_and_not_one_of_its_samples_counts(shop, stack):
    master = shop.master(seconds=4)
    shop.listening(master)
    stranger = Peer(shop.port, stack, name="burglar")
    stranger.say("client_ready", VERSION)
    stranger.say("tailguard.to_master", b"\x81\xa4type\xa5Hello")
    shop.worker()
    assert list(stranger.hears(3)) == []
    measured(shop, master, 1)
    assert "burglar" not in shop.log("master")


def test_a_stranger_with_a_key_of_its_own_is_not_heard_either(shop, stack):
    shop.listening(shop.master())
    stranger = Peer(shop.port, stack, key=secrets.token_hex(32))
    stranger.say("client_ready", VERSION)
    assert list(stranger.hears(2)) == []
    assert "burglar" not in shop.log("master")


def test_noise_reaches_nobody_and_the_run_goes_on(shop, stack):
    master = shop.master()
    shop.listening(master)
    stranger = Peer(shop.port, stack)
    for noise in (
        b"",
        b"\xc1",
        b"\x93\x01\x02\x03",
        os.urandom(5_000),
        b"cos\nsystem\n(S'touch pickled'\ntR.",
    ):
        stranger.socket.send(noise)
    greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\1CURVE".ljust(64, b"\0")
    for noise in (
        b"GET / HTTP/1.0\r\n\r\n",
        os.urandom(5_000),
        greeting + b"\4\5HELLO",
        greeting + b"\6" + b"\x7f" * 8,
    ):
        shout(shop.port, noise)
    shop.worker()
    measured(shop, master, 1)
    assert not (shop.folder / "pickled").exists()


def test_who_speaks_in_the_name_of_another_worker_is_not_heard(shop, stack):
    shop.listening(shop.master(workers=2))
    peer = Peer(shop.port, stack, "peer", shop.own_key)
    peer.say("client_ready", VERSION, name="another")
    assert list(peer.hears(2)) == []
    peer.say("client_ready", VERSION)
    assert [kind for kind, _ in peer.hears(2)] == ["ack"]
    assert "says that it is of 'another'" in shop.log("master")


@pytest.mark.proof
def test_a_worker_that_sends_what_cannot_be_makes_the_run_invalid_and_the_others_samples_are_kept(
    shop, stack
):
    secret = "--tailguard-set=database.dsn=postgresql://me:hidden@127.0.0.1:1/shop"
    master = shop.master(secret, seconds=4, workers=2)
    shop.listening(master)
    shop.worker()
    heard = []
    peer = Peer(shop.port, stack, "peer", shop.own_key)
    peer.say("client_ready", VERSION)
    peer.tells(Hello())
    state = "ready"
    until_s = time.monotonic() + LIMIT_S
    while master.poll() is None and time.monotonic() < until_s:
        peer.say("heartbeat", {"state": state, "current_cpu_usage": 1, "current_memory_usage": 1})
        for kind, data in peer.hears(0.5):
            heard.append((kind, str(data)))
            if kind != "tailguard.to_worker":
                continue
            told = for_worker(data)
            if isinstance(told, Begin):
                peer.tells(Ready(run=told.run, why="", clock=ClockPair.now()))
            elif isinstance(told, Go):
                state = "running"
                peer.tells(
                    Chunk(run=told.run, number=0, scenario="shop", rows=b"\0" * 28, steps=("buy",), errors=())
                )
            elif isinstance(told, Collect):
                peer.socket.send(b"noise")
                peer.say("tailguard.to_master", b"noise")
    ends(shop, master, 65)
    assert "spawn" in {kind for kind, _ in heard}
    assert [kind for kind, data in heard if "hidden" in data] == []
    run = shop.run()
    assert "worker peer: chunk 0 was dropped: it names 0 kinds of errors" in run.record.why_incomplete
    assert "worker peer: a message of it cannot be read: " in run.record.why_incomplete
    assert len(run.samples()["shop"]) > 20
    assert {each.state for each in run.record.verdicts} == {State.INVALID}


def test_a_master_for_other_machines_needs_a_key_and_says_how_to_make_one(shop):
    ends(shop, shop.master("--master-bind-host=0.0.0.0"), 64)
    assert "--master-bind-host 0.0.0.0 lets other machines reach this master" in shop.log("master")
    assert "openssl rand -hex 32" in shop.log("master")


def test_with_one_key_for_all_a_run_of_several_machines_goes_and_the_key_is_nowhere_to_be_read(shop):
    key = secrets.token_hex(32)
    (shop.folder / "key").write_text(key + "\n", encoding="ascii")
    master = shop.master("--master-bind-host=0.0.0.0", TAILGUARD_RUN_KEY=key)
    assert shop.listening(master) <= {"0.0.0.0", "::"}
    shop.worker(TAILGUARD_RUN_KEY_FILE=str(shop.folder / "key"))
    measured(shop, master, 1)
    written = [path for path in shop.folder.rglob("*") if path.is_file() and path.name != "key"]
    assert len(written) > 4
    assert [path for path in written if key.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("key", ["another", "none"])
def test_a_worker_with_another_key_or_none_ends_with_one_sentence(shop, key):
    shop.listening(shop.master(TAILGUARD_RUN_KEY=secrets.token_hex(32)))
    worker = shop.worker(**({"TAILGUARD_RUN_KEY": secrets.token_hex(32)} if key == "another" else {}))
    ends(shop, worker, 64, "worker")
    [line] = [line for line in shop.log("worker").splitlines() if "Error" in line]
    assert (
        f"The Locust master at 127.0.0.1:{shop.port} does not have this worker's run key: set TAILGUARD_RUN_KEY"
        in line
    )


def test_the_workers_of_processes_have_a_key_without_any_word_and_without_a_home(shop):
    ports = f"--master-bind-port={shop.port}", f"--master-port={shop.port}"
    nowhere = {"XDG_STATE_HOME": "/proc/nowhere"}
    measured(shop, shop.start("master", *shop.load(3), "--processes=2", *ports, **nowhere), 2)
