"""One scenario drafted from a HAR, what a browser recorded: its requests in their order, nobody's data in them."""

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from tailguard.base.errors import UsageError
from tailguard.base.secrets import is_secret
from tailguard.engine.iteration.answers import FIRST_ERROR_STATUS
from tailguard.record.part import Json
from tailguard.start.drafts.draft import Draft, Step
from tailguard.start.drafts.private import Private

SCENARIO = "recording"
# What a browser fetches for a page beside its data.
_STATIC = re.compile(
    r"\.(css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|mp4|webm|mp3|wasm)$", re.IGNORECASE
)
_STATIC_KINDS = (
    "image/",
    "font/",
    "video/",
    "audio/",
    "text/css",
    "text/javascript",
    "application/javascript",
)
# Headers that say something to the service; the others are the browser's own.
_MEANT = re.compile(r"(?i)^(accept|content-type|x-(?!forwarded|client-data).*|authorization|api-?key)$")
_SCHEME = re.compile(r"(?i)^(bearer|token|basic) +")
_FORM = "application/x-www-form-urlencoded"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


class Named(msgspec.Struct):
    """A header, or a field of a form."""

    name: str
    value: str = ""


class Posted(msgspec.Struct, rename="camel"):
    """A request's body."""

    mime_type: str = ""
    text: str = ""
    params: list[Named] = []


class Request(msgspec.Struct, rename="camel"):
    """A request."""

    method: str
    url: str
    headers: list[Named] = []
    post_data: Posted | None = None


class Content(msgspec.Struct, rename="camel"):
    """An answer's body."""

    mime_type: str = ""
    text: str = ""
    encoding: str = ""

    def plain(self) -> str:
        """Return its text, "" for what is none."""
        if self.encoding != "base64":
            return self.text
        try:
            return base64.b64decode(self.text).decode("utf-8")
        except (binascii.Error, ValueError):
            return ""


class Answer(msgspec.Struct):
    """An answer; status 0 if there was none."""

    status: int = 0
    headers: list[Named] = []
    content: Content = msgspec.field(default_factory=Content)


class Entry(msgspec.Struct):
    """A request and its answer."""

    request: Request
    response: Answer = msgspec.field(default_factory=Answer)

    @property
    def url(self) -> SplitResult:
        """Where it went."""
        return urlsplit(self.request.url)

    @property
    def is_static(self) -> bool:
        """Whether it fetched a file that a server of files would serve."""
        kind = self.response.content.mime_type
        return bool(_STATIC.search(self.url.path)) or kind.startswith(_STATIC_KINDS)


class Log(msgspec.Struct):
    """All of it."""

    entries: list[Entry]


class Har(msgspec.Struct):
    """The file."""

    log: Log


def draft_har(har: Har) -> Draft:
    """Return the draft. Raises UsageError for a recording without a request that can be played."""
    draft = Draft()
    entries = [*_played(har.log.entries, draft)]
    if not entries:
        raise UsageError(
            "this recording has no request to a service, but for files: record your journey again."
        )
    draft.url = "{0.scheme}://{0.netloc}".format(entries[0].url)
    private = Private(draft)
    for entry in entries:
        step = _step(entry, private)
        draft.add(SCENARIO, step)
        private.learn(
            step, entry.response.content.plain(), [(each.name, each.value) for each in entry.response.headers]
        )
    private.forget_cookies()
    return draft


def _played(entries: Sequence[Entry], draft: Draft) -> Iterator[Entry]:
    """Yield the requests that a step can play; say what is left out."""
    asked = [each for each in entries if each.url.scheme in ("http", "https") and not each.is_static]
    hosts = Counter(each.url.netloc for each in asked)
    main = hosts.most_common(1)[0][0] if hosts else ""
    left: Counter[str] = Counter()
    for entry in entries:
        if why := _left_out(entry, main):
            left[why] += 1
        else:
            yield entry
    for why, count in left.items():
        draft.note(f"left out: {count} x {why}.")


def _left_out(entry: Entry, main: str) -> str:
    if entry.url.scheme not in ("http", "https"):
        return f"{entry.url.scheme} (a WebSocket: write its steps with connect, send and await)"
    if entry.is_static:
        return "a static file"
    if entry.url.netloc != main:
        return f"another host, {entry.url.hostname}"
    if entry.request.method not in _METHODS:
        return f"a request of method {entry.request.method}"
    if (
        not 0 < entry.response.status < FIRST_ERROR_STATUS
    ):  # what failed while it was recorded is not a journey
        return f"a request that was answered with {entry.response.status}"
    return ""


def _step(entry: Entry, private: Private) -> Step:
    request, url = entry.request, entry.url
    path = private.whole_path(request.url) or "/".join(
        private.said(unquote(part), "path", in_path=True) for part in url.path.split("/")
    )
    step = Step(f"{request.method} {path.partition('?')[0][:80]}", request.method, path or "/")
    if not path.startswith("{"):
        step.query = {
            name: private.said(value, name) for name, value in parse_qsl(url.query, keep_blank_values=True)
        }
    posted = request.post_data
    if posted is not None and (posted.text or posted.params):
        _fill_body(step, posted, private)
    _fill_headers(step, request.headers, private)
    return step


def _fill_body(step: Step, posted: Posted, private: Private) -> None:
    kind = posted.mime_type.partition(";")[0].strip()
    if kind == _FORM:
        pairs = [(each.name, unquote(each.value)) for each in posted.params] or parse_qsl(
            posted.text, keep_blank_values=True
        )
        step.form = {name: private.said(value, name) for name, value in pairs}
        return
    try:
        value: Json = json.loads(posted.text)
    except ValueError:
        step.raw = private.said(posted.text, "")
        step.headers = {"Content-Type": kind} if kind else {}
    else:
        step.body = _said_in(value, "", private)
    if kind.startswith("multipart/"):
        private.draft.note(f"{step.name} sends a form with files, which is copied as its text: look at it.")


def _said_in(value: Json, key: str, private: Private) -> Json:
    if isinstance(value, dict):
        return {name: _said_in(item, name, private) for name, item in value.items()}
    if isinstance(value, list):
        return [_said_in(item, key, private) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    said = private.said(str(value), key)
    return value if said == str(value) else said


def _fill_headers(step: Step, headers: Sequence[Named], private: Private) -> None:
    for each in headers:
        name = each.name.lower()
        if name == "cookie":
            if cookies := private.cookies(each.value):
                step.headers = {**step.headers, "Cookie": cookies}
        elif _MEANT.match(name) or is_secret(name):
            if name == "content-type" and (step.form or step.body is not msgspec.UNSET or step.headers):
                continue
            scheme = _SCHEME.match(each.value)
            begin = scheme[0] if scheme else ""
            step.headers = {
                **step.headers,
                each.name: begin + private.said(each.value[len(begin) :], each.name),
            }
