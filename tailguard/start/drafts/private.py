"""What of a recording is somebody's own, or new in each session: replaced by saved values, rows and variables."""

import json
import re
from collections.abc import Iterator, Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from tailguard.base.secrets import MASK, is_secret, mask
from tailguard.record.part import Json
from tailguard.start.drafts.draft import Draft, Step, literal, name_of, unique

# A shorter value of another name than these is the same by chance.
_LONG = 8
_ID = re.compile(
    r"(?i)(^|_|-)(id|ids|uuid|key|code|slug|number|no|nonce|csrf|token|href|url|location)$|Id$|token|csrf"
)
_PERSONAL = {
    "email": re.compile(r"(?i)e-?mail"),
    "phone": re.compile(r"(?i)phone|mobile|\btel"),
    "name": re.compile(r"(?i)^(user-?_?name|user|login|(first|last|full|sur|given|family)[-_ ]?name)$"),
    "address": re.compile(r"(?i)street|address|postcode|postal|\bzip|birth|\bdob\b"),
}
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_PHONE = re.compile(r"(?<![\w.])(?:\+|00)\d[\d ()/-]{6,}\d")
_MADE = {
    "email": "user-{id}@example.org",
    "phone": "+1555{id}",
    "name": "user-{id}",
    "address": "{id} Example Street",
}
_INPUT = re.compile(r"<(?:input|meta)\b[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""(name|value|content)\s*=\s*["']([^"']*)["']""", re.IGNORECASE)


class Private:
    """What the answers so far hold, so that a request that sends it again saves it instead."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._sources: dict[
            str, tuple[Step, str, str]
        ] = {}  # by value: the step that got it, its place, its name
        self._cookies: dict[str, Step] = {}
        self._sent: set[str] = set()
        self._dropped: dict[str, None] = {}

    def said(self, value: str, key: str, *, in_path: bool = False) -> str:
        """Return what replaces a value named `key` in a request's text."""
        found = self._saved(value, key, in_path=in_path) or self._own(value, key)
        self._sent.add(value)
        if found:
            return found
        return quote(literal(value), safe="@:,;+=!$&'()*~") if in_path else self._cleaned(value, key)

    def whole_path(self, url: str) -> str:
        """Return the place of a redirection that a request follows, "" if it follows none."""
        path = urlsplit(url)._replace(scheme="", netloc="").geturl()
        source = next((each for each in (url, path) if each in self._sources), "")
        return self._saved(source, "location") if source else ""

    def cookies(self, header: str) -> str:
        """Return a header with the cookies that recorded answers set; others are dropped."""
        kept = []
        for pair in header.split(";"):
            name = pair.partition("=")[0].strip()
            if name in self._cookies:
                word = name_of(name)
                self._cookies[name].save = {**self._cookies[name].save, word: f"cookie.{name}"}
                kept.append(f"{name}={{{word}}}")
            elif name:
                self._dropped[name] = None
        return "; ".join(kept)

    def forget_cookies(self) -> None:
        """Say which cookies are dropped."""
        if self._dropped:
            self.draft.note(
                f"cookies that no recorded answer sets are left out: {', '.join(self._dropped)}; if one of them is the "
                "session, record from the log-in on, or state [target.login]."
            )

    def learn(self, step: Step, text: str, headers: Sequence[tuple[str, str]]) -> None:
        """Keep what the answer to a step holds."""
        for name, value in headers:
            if name.lower() == "set-cookie":
                for cookie in _cookies_in(value):
                    self._cookies[cookie] = step
            elif name.lower() in ("location", "x-csrf-token", "etag"):
                self._keep(value, step, f"header.{name}", name)
        try:
            value = json.loads(text)
        except ValueError:
            for name, found in _inputs(text):
                self._keep(
                    found, step, f'regex.name="{re.escape(name)}"[^>]*(?:value|content)="([^"]*)"', name, text
                )
        else:
            for path, leaf in _leaves(value, ""):
                self._keep(leaf, step, f"json.{path}", path.rpartition(".")[2])

    def _keep(self, value: str, step: Step, place: str, name: str, text: str = "") -> None:
        """Keep where a value came from. What we sent before is ours: the answer only repeats it."""
        if text and ((found := re.search(place.removeprefix("regex."), text)) is None or found[1] != value):
            return
        if value and value not in self._sent:
            self._sources.setdefault(value, (step, place, name))

    def _saved(self, value: str, key: str, *, in_path: bool = False) -> str:
        source = self._sources.get(value)
        if source is None:
            return ""
        step, place, name = source
        if len(value) < _LONG and not (_ID.search(name) and (in_path or _ID.search(key))):
            return ""
        taken = next((word for word, saved in step.save.items() if saved == place), "")
        if not taken:
            used = [word for each in self.draft.scenarios.values() for other in each for word in other.save]
            taken = unique(
                name_of(name if name not in ("id", "key") else f"{_last_word(step.path)}_{name}"), used
            )
            step.save = {**step.save, taken: place}
        return f"{{{taken}}}"

    def _own(self, value: str, key: str) -> str:
        """Return what stands for a secret or for a person's own, "" for what is neither."""
        if not value:
            return ""
        if is_secret(key) or mask(value) == MASK:
            self.draft.note(f"a secret, {key or 'of a path'}, comes from the environment.")
            return self.draft.variable(key or "token")
        kind = next((kind for kind, names in _PERSONAL.items() if names.search(key)), "")
        kind = "email" if _MAIL.fullmatch(value) else "phone" if _PHONE.fullmatch(value) else kind
        return self._row(kind) if kind else ""

    def _row(self, kind: str) -> str:
        """Return the place of a person's field, which a row gives."""
        rows = self.draft.rows.setdefault("user", {"id": "1..100"})
        rows.setdefault(kind, _MADE[kind])
        self.draft.note(
            f"a person's {kind} is replaced by {{user.{kind}}}: [rows.user] makes it up; if the service must "
            "know its users, name your own file."
        )
        return f"{{user.{kind}}}"

    def _cleaned(self, value: str, key: str) -> str:
        """Return a text without what of it is private."""
        text = literal(value)
        for kind, pattern in (("email", _MAIL), ("phone", _PHONE)):
            if pattern.search(text):
                text = pattern.sub(self._row(kind), text)
        masked = mask(text)
        if masked != text:
            self.draft.note(
                f"a secret within {key or 'a body'} is masked as {MASK}: write what belongs there."
            )
        return masked


def _last_word(path: str) -> str:
    words = [part for part in path.partition("?")[0].split("/") if part and "{" not in part]
    return words[-1].removesuffix("s") if words else "answer"


def _cookies_in(header: str) -> list[str]:
    cookies = SimpleCookie()
    for line in header.split("\n"):  # browsers put several into one
        try:
            cookies.load(line)
        except CookieError:
            continue
    return [*cookies]


def _inputs(text: str) -> Iterator[tuple[str, str]]:
    for tag in _INPUT.findall(text):
        found = {name.lower(): value for name, value in _ATTRIBUTE.findall(tag)}
        value = found.get("value", found.get("content", ""))
        if found.get("name") and value:
            yield found["name"], value


def _leaves(value: Json, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text and number of JSON with its dotted path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if "." not in str(name):
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    if path and isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, str(value)
