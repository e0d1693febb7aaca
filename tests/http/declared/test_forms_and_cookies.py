"""A service that keeps a session by a cookie and takes files in a form of several parts, asked by a TOML file."""

import json
from collections.abc import Iterator
from email import message_from_bytes
from hashlib import sha256
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tests.support.declared_play import Played
from tests.support.installed import Service, served_by

pytestmark = pytest.mark.system
PNG = b"\x89PNG\r\n--\r\n" + bytes(range(256))
FILE = """
[rows.item]
generate = { id = "1..60", sku = "sku-{id}" }
[scenario.picture]
[[scenario.picture.steps]]
name = "begin"
path = "/begin/{item.id}"
[[scenario.picture.steps]]
name = "send"
method = "POST"
path = "/pictures"
[scenario.picture.steps.multipart]
'a "title"' = "Hüte, {item.sku}"
hat = { file = "hat.png" }
notes = { file = "in/notes.txt", type = "text/markdown" }
[scenario.picture.steps.expect.json]
visit = "{item.id}"
lang = "en"
"a %22title%22.2" = "Hüte, {item.sku}"
"hat.0" = "image/png"
"hat.1" = "hat.png"
"hat.2" = "SHA256"
"notes.0" = "text/markdown"
"notes.1" = "notes.txt"
[[scenario.picture.steps]]
name = "other"
path = "/visit"
headers = { Cookie = "visit=mine" }
expect = { json = { visit = "mine" } }
"""


def parts_of(kind: str, body: bytes) -> dict[str, list[str]]:
    """Return type, file name and content (its hash, if it is a file's) of each part, as Python reads them in mails."""
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    found = {}
    for part in message.walk():
        if (name := part.get_param("name", header="Content-Disposition")) is not None:
            content, file = part.get_payload(decode=True), part.get_filename()
            assert isinstance(content, bytes)
            told = sha256(content).hexdigest() if file else content.decode()
            found[str(name)] = [part.get_content_type(), file or "", told]
    return found


class Echo(Service):
    """Answers what it was sent."""

    def do_GET(self) -> None:
        self._answer({}, self.path.rpartition("/")[2] if self.path.startswith("/begin") else "")

    def do_POST(self) -> None:
        self._answer(
            parts_of(self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"])))
        )

    def _answer(self, told: dict[str, list[str]], visit: str = "") -> None:
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        body = json.dumps({**told, **{name: each.value for name, each in cookies.items()}}).encode()
        self.send_response(200)
        if visit:
            self.send_header("Set-Cookie", f"visit={visit}; Path=/")
            self.send_header("Set-Cookie", "lang=en; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def url() -> Iterator[str]:
    with served_by(Echo) as url:
        yield url


def test_the_cookie_of_a_visit_and_all_parts_of_a_form_arrive(tmp_path: Path, url: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "hat.png").write_bytes(PNG)
    (tmp_path / "in" / "notes.txt").write_text("# Warm\n", encoding="utf-8")
    file = tmp_path / "shop.toml"
    file.write_text(FILE.replace("SHA256", sha256(PNG).hexdigest()), encoding="utf-8")
    played = Played(file, url, 20)
    assert played.kinds("picture") == {}
    assert played.ok("picture", "send") == played.ok("picture", "other") == 20


def test_a_file_of_a_part_that_is_not_there_is_named(tmp_path: Path, url: str) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(FILE, encoding="utf-8")
    with pytest.raises(UsageError, match=r"hat\.png: No such file"):
        Played(file, url, 1)
