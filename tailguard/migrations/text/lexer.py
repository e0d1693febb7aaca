"""SQL text as tokens, by PostgreSQL's own lexical rules: where a comment or a quoted text begins and ends.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["comment", "quoted", "end", "other"]
# PostgreSQL takes every character beyond ASCII for a letter, a no-break space among them; blanks are ASCII's alone.
# Written as what they are not: a class that names all of Unicode takes `re` 10 ms to compile wherever case is ignored.
LETTER = r"[^\x00-@\[-^`{-\x7f]"  # A-Z, a-z, _
NAME_PART = r"[^\x00-#%-/:-@\[-^`{-\x7f]"  # those, digits and $
_TAG_PART = r"[^\x00-/:-@\[-^`{-\x7f]"  # those, without $
TOKEN = re.compile(
    rf"""(?P<comment>--[^\n]*)
      | (?P<block>/\*)
      | (?P<quoted>[eE]'(?:[^'\\]|''|\\.)*'        # here alone a backslash escapes
          | '(?:[^']|'')*' | "(?:[^"]|"")*"
          | (?P<tag>\$(?:{LETTER}{_TAG_PART}*)?\$).*?(?P=tag))
      | (?P<end>;)
      | (?P<word>{LETTER}{NAME_PART}*)             # whole, for a dollar in a name opens no quote
      | (?P<other>.)""",
    re.DOTALL | re.VERBOSE | re.ASCII,
)
EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text and what it is; words, signs and blanks are all "other"."""

    kind: Kind
    text: str


def tokens(sql: str) -> Iterator[Token]:
    """Yield the tokens of a text; together they are the text. What is never closed reaches to the end."""
    at = 0
    while at < len(sql):
        match = TOKEN.match(sql, at)
        assert match is not None  # any character is a token
        end = match.end() if match["block"] is None else _block_end(sql, match.end())
        yield Token(_kind(match), sql[at:end])
        at = end


def _kind(match: re.Match[str]) -> Kind:
    if match["comment"] or match["block"]:
        return "comment"
    if match["end"]:
        return "end"
    return "quoted" if match["quoted"] else "other"


def _block_end(sql: str, at: int) -> int:
    """Return where the block comment ends whose inside begins at `at`; such comments nest."""
    depth = 1
    for edge in EDGE.finditer(sql, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)
