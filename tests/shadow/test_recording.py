"""Requests are recorded as users sent them, without their secrets, and sent again at their times."""

import json
from errno import ENOSPC
from pathlib import Path
from types import SimpleNamespace

import pytest

from tailguard.base.errors import UsageError
from tailguard.cli.main import run_cli
from tailguard.engine.schedule import Recorded
from tailguard.http.recorded.format import RecordedRequest, read_recording
from tailguard.record.run import Run
from tailguard.record.scenario import RecordedSchedule
from tailguard.shadow.messages import Answer, Request
from tailguard.shadow.proxy import Exchange
from tailguard.shadow.recording import Recording
from tests.shadow.service import Handler, served, shop


def exchange(target: str = "/", body: bytes = b"", at_s: float = 0.0, **headers: str) -> Exchange:
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    request = Request(
        headers=pairs,
        body=bytearray(body),
        ended_ns=int((100 + at_s) * 1e9),
        method=b"POST",
        target=target.encode(),
    )
    return Exchange(request, Answer(status=201))


def recorded(path: Path, *exchanges: Exchange, with_secrets: bool = False) -> list[RecordedRequest]:
    recording = Recording(path, with_secrets=with_secrets)
    for each in exchanges:
        recording.take(each)
    recording.close()
    assert recording.count == len(exchanges)
    return read_recording(path)


SECRET = exchange(
    "/login?next=%2Fcart&access_token=topsecret1",
    b'{"user": "me", "password": "topsecret2", "more": [{"pin": "topsecret3"}]}',
    Authorization="Bearer topsecret4",
    Cookie="session=topsecret5",
    X_Api_Key="topsecret6",
    Content_Type="application/json",
    Host="shop.example",
)


def test_no_secret_is_recorded_unless_it_is_asked_for(tmp_path: Path) -> None:
    (one,) = recorded(tmp_path / "masked", SECRET)
    assert "topsecret" not in (tmp_path / "masked").read_text(encoding="utf-8")
    assert json.loads(one.body) == {"user": "me", "password": "***", "more": [{"pin": "***"}]}
    assert one.target == "/login?next=%2Fcart&access_token=***"
    assert dict(one.headers)["Cookie"] == "***"
    assert "Host" not in dict(one.headers)
    (whole,) = recorded(tmp_path / "whole", SECRET, with_secrets=True)
    assert (whole.content, whole.target) == (bytes(SECRET.request.body), SECRET.request.target.decode())
    assert dict(whole.headers)["Cookie"] == "session=topsecret5"


def test_a_form_loses_its_secrets_alone_and_other_bodies_stay_byte_for_byte(tmp_path: Path) -> None:
    form = exchange("/", b"user=me&password=topsecret&x=", Content_Type="application/x-www-form-urlencoded")
    picture = exchange("/", bytes(range(256)), Content_Type="image/png")
    spaced = exchange("/", b'{ "n":  1.0 }', Content_Type="application/json")
    found = recorded(tmp_path / "file", form, picture, spaced)
    assert [each.content for each in found] == [
        b"user=me&password=***&x=",
        bytes(range(256)),
        b'{ "n":  1.0 }',
    ]


def test_only_its_owner_can_read_a_recording_and_none_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "file"
    recorded(path, SECRET)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="File exists"):
        Recording(path, with_secrets=False)


def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(ENOSPC, "No space left on device")

    recording = Recording(tmp_path / "file", with_secrets=True)
    with monkeypatch.context() as patched:
        patched.setattr(recording, "_file", SimpleNamespace(write=full, close=recording._file.close))
        recording.take(SECRET)
        recording.take(SECRET)
        recording.close()
    assert (recording.count, recording.failed) == (0, "No space left on device")


def test_starts_are_those_of_the_requests_and_faster_by_the_speed(tmp_path: Path) -> None:
    found = recorded(tmp_path / "file", *(exchange(at_s=at_s) for at_s in (0.0, 3.0, 1.0)))
    starts = Recorded(tuple(each.at_s for each in found), speed=2.0).starts_ns()
    assert starts.tolist() == [0, 500_000_000, 1_500_000_000]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no request"),
        (
            '{"at_s": 0, "method": "GET", "target": "/", "status": 200}\nnonsense\n',
            "line 2 is not a recorded request",
        ),
        ('{"at_s": 0, "method": "GET", "target": "/", "status": 200, "body_base64": "?"}\n', "line 1"),
    ],
)
def test_what_is_no_recording_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        read_recording(path)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), "--replay needs to know where to"),
        (("--target", "http://127.0.0.1:1", "--rate", "5/s"), "--replay is a whole run"),
        (("--target", "http://127.0.0.1:1", "shop.py"), "--replay is a whole run"),
    ],
)
def test_a_replay_that_cannot_be_is_refused(
    more: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["run", "--replay", "nothing", *more]) == 64
    assert told in capsys.readouterr().err


def test_a_recording_is_sent_again_request_by_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sent = [
        exchange(f"/orders/{number}", b"%d" % number, at_s=number / 20, X_Trace="abc") for number in range(40)
    ]
    found = recorded(tmp_path / "file", *sent)
    traces = []

    def noting(handler: Handler) -> None:
        traces.append(handler.headers["X-Trace"])
        shop(handler)

    with served(noting) as service:
        asked = ["run", "--replay", "file", "--speed", "4", "--target", service.url, "--runs-dir", "runs"]
        code = run_cli([*asked, "--objective", "replay: error rate < 50%"])
    said = capsys.readouterr()
    assert code in (0, 75), said.err
    assert sorted(service.seen.requests) == sorted(("POST", each.target, each.content) for each in found)
    assert traces == ["abc"] * 40
    run = Run.load("latest", tmp_path / "runs")
    entry = run.record.scenarios["replay"]
    assert isinstance(entry.schedule, RecordedSchedule)
    assert (entry.schedule.speed, entry.counts.ok, [*entry.steps]) == (4.0, 40, ["POST /orders/{id}"])
    assert run_cli(["verify", str(run.folder)]) == 0
