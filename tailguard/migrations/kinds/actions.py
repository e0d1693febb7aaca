"""The actions of one ALTER TABLE, each as a statement of its own: their kinds differ, and so do their safe ways."""

import re

from tailguard.migrations.text.lexer import tokens
from tailguard.migrations.text.sql import QUALIFIED

HEAD = re.compile(rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{QUALIFIED}\s+", re.IGNORECASE | re.ASCII)
NESTING = {"(": 1, "[": 1, ")": -1, "]": -1}


def actions_of(text: str) -> list[str]:
    """Return a statement for each action of an ALTER TABLE, or the statement itself if it is something else."""
    head = HEAD.match(text)
    if head is None:
        return [text]
    found, depth = [""], 0
    for token in tokens(text[head.end() :]):
        depth += NESTING.get(token.text, 0)
        if token.text == "," and depth == 0:
            found.append("")
        else:
            found[-1] += token.text
    return [f"{head[0]}{action.strip()}" for action in found]
