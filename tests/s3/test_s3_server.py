"""The S3 room: a real server that checks signatures, on loopback only, gone with us."""

import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from tailguard.base.errors import TailguardError, UsageError
from tailguard.base.ports import free_ports
from tailguard.base.secrets import keep_secret, mask
from tailguard.s3 import embedded
from tailguard.s3 import server as server_module
from tailguard.s3.address import S3Server
from tailguard.s3.server import embedded_s3, open_s3, your_s3
from tailguard.s3.store import StorageError, ensure_bucket, remove_ours
from tests.support.waiting import eventually, listens

pytestmark = pytest.mark.system

# Prints SeaweedFS' process id, port and folder, then waits to be killed, or for the end of its standard input.
OWNER = """
import sys
from tailguard.base.processes import Watchdog
from tailguard.s3.server import embedded_s3
started, start = [], Watchdog.start
def note(self, *args, **kw):
    started.append(start(self, *args, **kw))
    return started[-1]
Watchdog.start = note
with embedded_s3() as server:
    print(started[-1].pid, server.address.split(":")[1], started[-1].log_path.parent, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def client(s3_server):
    made = s3_server.client()
    yield made
    made.close()


def environment(server):
    return {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}


def keys(client, bucket, prefix=""):
    return [item["Key"] for item in client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def test_what_is_stored_reads_back_under_a_name_in_any_script(s3_server, client):
    for name in ("Curaçao", "東京", "Δ", "🏆"):
        client.put_object(Bucket=s3_server.bucket, Key=f"names/{name}", Body=name.encode())
        assert client.get_object(Bucket=s3_server.bucket, Key=f"names/{name}")["Body"].read() == name.encode()


def test_a_presigned_url_reads_and_a_tampered_one_is_refused(s3_server, client):
    client.put_object(Bucket=s3_server.bucket, Key="signed", Body=b"yes")
    url = client.generate_presigned_url("get_object", Params={"Bucket": s3_server.bucket, "Key": "signed"})
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read() == b"yes"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.replace("/signed", "/other"), timeout=10)
    refused.value.close()
    assert refused.value.code == 403


def test_wrong_keys_are_refused_and_never_shown(s3_server):
    wrong = {"AWS_ACCESS_KEY_ID": s3_server.access_key, "AWS_SECRET_ACCESS_KEY": "not-the-secret"}
    with pytest.raises(StorageError) as refused, your_s3(s3_server.endpoint, s3_server.bucket, environ=wrong):
        pass
    assert s3_server.address in str(refused.value)
    assert "not-the-secret" not in str(refused.value)
    assert s3_server.access_key not in str(refused.value)


def test_the_keys_are_not_in_the_servers_repr(s3_server):
    assert s3_server.secret_key not in repr(s3_server)
    assert s3_server.access_key not in repr(s3_server)


def test_in_your_bucket_only_our_prefix_is_removed(s3_server, client):
    client.create_bucket(Bucket="somebodys")
    client.put_object(Bucket="somebodys", Key="precious", Body=b"1")
    with your_s3(s3_server.endpoint, "somebodys", environ=environment(s3_server)) as yours:
        client.put_object(Bucket=yours.bucket, Key=f"{yours.prefix}ours", Body=b"2")
        assert yours.prefix
        assert yours.kind == "yours"
    assert keys(client, "somebodys") == ["precious"]


def test_what_your_server_calls_itself_is_recorded(s3_server):
    with your_s3(s3_server.endpoint, s3_server.bucket, environ=environment(s3_server)) as yours:
        assert s3_server.version in yours.version


def test_a_server_that_dies_meanwhile_does_not_hide_what_was_measured(s3_server, said):
    dead = replace(s3_server, endpoint="http://127.0.0.1:9", prefix="tailguard-x/")
    remove_ours(dead, bucket_too=False)
    assert "objects stay behind below 127.0.0.1:9/tailguard/tailguard-x/" in said.text


def test_a_bucket_we_made_is_removed_again(s3_server, client):
    with your_s3(s3_server.endpoint, "made-by-us", environ=environment(s3_server)) as yours:
        client.put_object(Bucket="made-by-us", Key=f"{yours.prefix}ours", Body=b"2")
    with pytest.raises(ClientError, match="404"):
        client.head_bucket(Bucket="made-by-us")


def test_an_unreachable_endpoint_is_named_without_the_keys():
    secret = {"AWS_ACCESS_KEY_ID": "AKIDVERYSECRET", "AWS_SECRET_ACCESS_KEY": "very/secret"}
    reached = pytest.raises(StorageError, match=r"127\.0\.0\.1:9 cannot be reached")
    with reached as refused, your_s3("http://127.0.0.1:9", environ=secret):
        pass
    assert "SECRET" not in str(refused.value).upper().replace("AWS_SECRET_ACCESS_KEY", "")
    assert refused.value.exit_code == 64


@pytest.mark.parametrize(
    ("endpoint", "environ", "said"),
    [
        ("http://127.0.0.1:9", {}, "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("127.0.0.1:9", {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "is not a URL"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_tried(endpoint, environ, said):
    with pytest.raises(StorageError, match=said), your_s3(endpoint, environ=environ):
        pass


def test_nothing_is_removed_from_a_bucket_without_a_prefix(s3_server):
    bare = S3Server(s3_server.endpoint, "us-east-1", "somebodys", "yours", "unknown")
    with pytest.raises(ValueError, match="nothing in the bucket"):
        remove_ours(bare, bucket_too=False)


def weed_files():
    return set(Path("/tmp").glob("seaweedfs-*.sock"))


def weed_logs(pid):
    """The log files that SeaweedFS leaves in /tmp where it is not told a folder: their names end with its id."""
    return list(Path("/tmp").glob(f"weed.*.{pid}"))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, None], ids=["kill -9", "Ctrl-C", "normal"])
def test_no_process_port_folder_socket_or_log_survives_the_owner(ending):
    before = weed_files()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as owner:
        pid, port, folder = owner.stdout.readline().split()
        assert listens(int(port))
        assert list(Path(folder, "logs").iterdir())
        sockets = [path for path in weed_files() - before if path.name in opened_by(int(pid))]
        assert sockets
        if ending is None:
            owner.stdin.close()
        else:
            owner.send_signal(ending)
        owner.wait(60)
    eventually(lambda: not (psutil.pid_exists(int(pid)) or Path(folder).exists()))
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    assert not listens(int(port))
    assert not Path(folder).exists()
    assert not any(path.exists() for path in sockets)
    assert weed_logs(pid) == []


def test_all_its_sockets_are_on_loopback(s3_server):
    server = process_on(int(s3_server.address.split(":")[1]))
    assert {item.laddr.ip for item in server.net_connections("inet")} == {"127.0.0.1"}


def test_a_port_that_another_takes_first_is_replaced(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first, later = free_ports(4, 10_000), free_ports(5, 10_000)
        choices = iter([[*first[:3], taken.getsockname()[1], first[3]], later])
        monkeypatch.setattr(embedded, "free_ports", lambda *_: next(choices))
        with embedded_s3() as server:
            assert server.address == f"127.0.0.1:{later[3]}"


def test_a_program_that_fails_is_shown_in_its_words(tmp_path):
    program = tmp_path / "weed"
    program.write_text("#!/bin/sh\necho no disk left; exit 1\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(TailguardError, match="no disk left"), embedded_s3(weed=program):
        pass


def test_where_nothing_can_be_started_the_ways_out_are_named(monkeypatch):
    monkeypatch.setattr(server_module, "find_weed", lambda: None)
    monkeypatch.setattr(server_module, "find_spec", lambda _: None)
    with (
        pytest.raises(UsageError, match=r"pip install 'tailguard\[s3\]' adds one.*--s3-endpoint"),
        embedded_s3(),
    ):
        pass


def test_where_seaweedfs_cannot_run_the_stand_in_says_its_name(monkeypatch):
    pytest.importorskip("moto", reason="moto is installed only where SeaweedFS has no program")
    monkeypatch.setattr(server_module, "find_weed", lambda: None)
    with embedded_s3() as server:
        assert server.kind == "moto"
        assert ensure_bucket(server) is False


def test_an_endpoint_that_is_named_is_used_and_none_other_started(s3_server):
    with open_s3(s3_server.endpoint, "named", environ=environment(s3_server)) as server:
        assert (server.kind, server.endpoint) == ("yours", s3_server.endpoint)


@pytest.mark.parametrize("environ", [{}, {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}])
def test_an_endpoint_with_a_password_in_it_is_refused_and_shown_without(environ):
    with pytest.raises(StorageError) as refused, your_s3("https://ana:s3cret@host:1", environ=environ):
        pass
    assert "https://host:1" in str(refused.value)
    assert "s3cret" not in str(refused.value)


class Answering(BaseHTTPRequestHandler):
    """Answers every request alike, as `answer` says: the status and the headers."""

    answer: tuple[int, dict[str, str]] = (200, {})

    def do_HEAD(self):
        status, headers = self.answer
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def answering():
    """A server of a few lines, by its endpoint; `Answering.answer` is what it says."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("answer", "help_"),
    [
        (
            (301, {"Location": "https://store.example.org/tailguard"}),
            "to https://store.example.org: give that as",
        ),
        ((301, {"x-amz-bucket-region": "eu-west-1"}), "is in the region eu-west-1"),
        ((307, {}), "does not say where"),
        ((403, {"Date": "Wed, 01 Jan 2020 00:00:00 GMT"}), "its clock says Wed, 01 Jan 2020 00:00:00 GMT"),
        ((403, {}), "check AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_server_that_sends_us_elsewhere_or_has_another_time_is_told_as_that(
    answering, monkeypatch, answer, help_
):
    monkeypatch.setattr(Answering, "answer", answer)
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    with pytest.raises(StorageError) as refused, your_s3(answering, environ=keys):
        pass
    assert help_ in str(refused.value)
    assert refused.value.exit_code == 64


def test_keys_and_signatures_are_masked_in_any_text(s3_server, client):
    url = client.generate_presigned_url("get_object", Params={"Bucket": s3_server.bucket, "Key": "k"})
    keep_secret(s3_server.secret_key)
    shown = mask(f"{url} {s3_server.secret_key}")
    assert s3_server.secret_key not in shown
    assert s3_server.access_key not in shown
    assert "X-Amz-Signature=***" in shown


def opened_by(pid):
    return {Path(item.laddr).name for item in psutil.Process(pid).net_connections("unix") if item.laddr}


def process_on(port):
    """The process that listens on `port`, among our children."""
    children = psutil.Process().children()
    return next(p for p in children if any(c.laddr.port == port for c in p.net_connections("inet")))
