"""TOML or JSON without the content of its texts and comments: where brackets lie too deep in each other.

Parsers recurse, and end in an error without a place.
"""

import re

_APART = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|(?P<comment>#[^\n]*)', re.DOTALL
)
_BRACKET = re.compile(r"[\[{\]}]")


def bare(text: str) -> str:
    """Return the text with "" in place of each string, and without comments; its lines count as before."""
    return _APART.sub(_blank, text)


def line_too_deep(bare_text: str, deepest: int) -> int | None:
    """Return the line on which more than `deepest` brackets are open; None if there is none."""
    depth = 0
    for bracket in _BRACKET.finditer(bare_text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > deepest:
            return line_at(bare_text, bracket.start())
    return None


def line_at(text: str, place: int) -> int:
    """Return the line of a place, from 1."""
    return text.count("\n", 0, place) + 1


def _blank(found: re.Match[str]) -> str:
    return ("" if found["comment"] else '""') + "\n" * found[0].count("\n")
