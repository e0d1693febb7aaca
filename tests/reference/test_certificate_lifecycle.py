"""The policy that moves old certificates to cheaper storage, and reads of those in the archive."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from reference.certificates import S3Storage, connect_s3
from reference.certificates.lifecycle import RULE, Lifecycle, LifecycleUnsupported, problems_of, rule_for
from reference.certificates.port import ObjectArchived
from tailguard.s3 import S3Server


def test_the_policy_that_we_write_is_as_it_should_be() -> None:
    assert list(problems_of([rule_for("certificates/")], "certificates/")) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"Status": "Disabled"}, f"the rule {RULE} is switched off"),
        ({"Filter": {"Prefix": "x/"}}, f"the rule {RULE} is for keys that begin with 'x/', not 'c/'"),
        (
            {"Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}]},
            "it moves to GLACIER after no days, not 365",
        ),
        (
            {"AbortIncompleteMultipartUpload": None},
            "it keeps the parts of uploads that were cut off for ever",
        ),
        (
            {"ID": "another"},
            f"there is no rule {RULE}: write it with `tailguard certificates lifecycle write`",
        ),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(change: dict[str, object], line: str) -> None:
    assert list(problems_of([rule_for("c/") | change], "c/")) == [line]


@pytest.mark.parametrize("below", ["", "c/", "c/2026/"])
def test_a_rule_that_deletes_certificates_is_found(below: str) -> None:
    deletes = {"ID": "tidy", "Status": "Enabled", "Expiration": {"Days": 400}, "Filter": {"Prefix": below}}
    assert list(problems_of([rule_for("c/"), deletes], "c/")) == [
        f"the rule tidy deletes keys that begin with {below!r}: certificates are kept"
    ]
    assert list(problems_of([rule_for("c/"), deletes | {"Filter": {"Prefix": "logs/"}}], "c/")) == []


@pytest.mark.system
def test_a_server_that_keeps_no_such_policy_is_told_as_that(s3_server: S3Server) -> None:
    policy = Lifecycle(s3_server.client(), s3_server.bucket, s3_server.prefix)
    with pytest.raises(LifecycleUnsupported, match="this server has no such storage classes"):
        policy.write()
    assert policy.problems() == (
        f"there is no rule {RULE}: write it with `tailguard certificates lifecycle write`",
    )


@pytest.mark.system
def test_the_command_checks_and_shows_a_bucket_without_a_policy(s3_server: S3Server) -> None:
    environ = os.environ | {
        "AWS_STORAGE_BUCKET_NAME": s3_server.bucket,
        "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
    }

    def lifecycle(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tailguard", "certificates", "lifecycle", *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    assert lifecycle("check").returncode == 65
    assert json.loads(lifecycle("show", "--json").stdout)["rules"] == []
    written = lifecycle("write")
    assert written.returncode != 0
    assert "(LIFECYCLE_UNSUPPORTED)" in written.stderr
    assert "Traceback" not in written.stderr


class Archive(BaseHTTPRequestHandler):
    """Answers as S3 does for an object in the archive."""

    def do_GET(self) -> None:
        body = b"<Error><Code>InvalidObjectState</Code><Message>archived</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def archive() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Archive) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_certificate_in_the_archive_is_named_as_that(archive: str) -> None:
    storage = S3Storage(connect_s3(archive, "key", "secret"), "bucket")
    with pytest.raises(ObjectArchived) as caught:
        storage.open("a.pdf")
    assert caught.value.code == "OBJECT_ARCHIVED"
