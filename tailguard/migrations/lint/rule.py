"""One rule: what it checks, why, and an example that is proved."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tailguard.migrations.lint.finding import Finding, Severity
from tailguard.migrations.lint.linted import Linted

Check = Callable[[Linted], Iterator[Finding]]
# What is seen of an example that breaks the rule. The one that keeps it has no finding, and its proof is not FAIL.
Shown = Literal["stalls", "leaves an INVALID index", "is refused by PostgreSQL", "cannot be used"]
SHOWN: Mapping[Shown, str] = {
    "stalls": "`tailguard migrate prove` ends with 99: somebody waits too long.",
    "leaves an INVALID index": "`tailguard migrate prove` ends with 99: an INVALID index is left.",
    "is refused by PostgreSQL": "`tailguard migrate prove` ends with 64: PostgreSQL refuses it.",
    "cannot be used": "`tailguard migrate prove` refuses it (64) before it touches anything.",
}
KEPT = "There is no finding, and `tailguard migrate prove` finds nobody who waits too long."
NAME = "0001_orders_code"
# A migration that breaks no rule.
INDEX = {
    f"{NAME}.up.sql": "CREATE INDEX CONCURRENTLY orders_code ON orders (code);\n",
    f"{NAME}.down.sql": "DROP INDEX CONCURRENTLY orders_code;\n",
    f"{NAME}.query.sql": '-- parameters: {"code": "A-17"}\nSELECT id FROM orders WHERE code = %(code)s;\n',
}
UP, DOWN, QUERY = INDEX
ALONE = "orders_code.sql"
BUILD = {ALONE: INDEX[UP]}


@dataclass(frozen=True, slots=True)
class Example:
    """Texts of files by name: `bad` breaks the rule, `good` does not. `setup` is executed before both."""

    bad: Mapping[str, str]
    good: Mapping[str, str]
    shown: Shown
    setup: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by its name; `severity` is that of most findings, `why` the text of its page."""

    name: str
    severity: Severity
    summary: str
    why: str
    example: Example
    check: Check

    @property
    def page(self) -> str:
        """Its page of the documentation, in Markdown."""
        example = self.example
        setup = f"\nAfter this:\n\n```sql\n{example.setup.strip()}\n```\n" if example.setup else ""
        missing = "".join(f"\nThere is no `{name}`.\n" for name in example.good if name not in example.bad)
        return (
            f"# {self.name}\n\n**{self.severity}**: {self.summary}\n\n{self.why.strip()}\n\n## Breaks the rule\n{setup}"
            f"{_changed(example.bad, example.good)}{missing}\n{SHOWN[example.shown]}\n\n## Keeps it\n"
            f"{_changed(example.good, example.bad)}\n{KEPT}\n"
        )


def matching(rule: str, pattern: str, message: str, *, beside_a_build: bool = False) -> Check:
    """Return a check for statements that begin so; `beside_a_build` is for what is wrong beside CONCURRENTLY alone."""
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)

    def check(folder: Linted) -> Iterator[Finding]:
        for sent in folder.sent():
            for line, statement in sent.statements:
                if compiled.match(statement) and (sent.concurrent or not beside_a_build):
                    yield Finding(sent.path, line, "error", rule, message)

    return check


def _changed(shown: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Write those files that the other example does not have in the same way."""
    changed = {name: text for name, text in shown.items() if other.get(name) != text}
    return "".join(f"\n```sql\n-- {name}\n{_visible(text).strip()}\n```\n" for name, text in changed.items())


def _visible(text: str) -> str:
    """Show what no page can hold: a byte that is not UTF-8, a NUL."""
    return text.replace("\0", r"\0").encode(errors="surrogateescape").decode(errors="backslashreplace")
