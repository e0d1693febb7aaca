"""The query that an index is for, with example values of its parameters: what a proof measures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tailguard.base.errors import UsageError
from tailguard.base.reading.json_text import JsonError, decode
from tailguard.migrations.text.lexer import tokens
from tailguard.migrations.text.sql import read_sql, statements
from tailguard.record.migration import Parameter

PARAMETERS = re.compile(r"^--\s*parameters:\s*(?P<json>.*)$", re.MULTILINE)
ALSO = re.compile(r"^--\s*also:\s*(?P<json>.*)$", re.MULTILINE)
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# What psycopg takes for a placeholder of its own and is not one, in texts and names too.
STRAY_PERCENT = re.compile(r"%%|%\(\w+\)s|(?P<stray>%.{0,12})", re.DOTALL)
# Placeholders of PREPARE and of other libraries, outside of texts: $1, and :name unless it is a cast or a slice.
FOREIGN = re.compile(r"(?<![\w$])\$\d+|(?<![:\w\]\[])\s*:[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Query:
    """The query a migration is for: psycopg named parameters, and the example values that it is measured with.

    `also` holds more example values (a rare one, an absent one), for which the query must not get worse.
    """

    sql: str
    parameters: Mapping[str, Parameter]
    also: tuple[Mapping[str, Parameter], ...] = ()


def read_query(path: Path) -> Query:
    """Read a query file. Raises UsageError if the declared parameters and the placeholders differ."""
    text = read_sql(path)
    found = statements(text)
    if len(found) != 1:
        raise UsageError(f"{path}: {len(found)} statements. Write the one query that the index is for.")
    declared = PARAMETERS.search(text)
    query = query_of(str(path), found[0], declared["json"] if declared else "{}")
    also = [query_of(str(path), found[0], line["json"]).parameters for line in ALSO.finditer(text)]
    return replace(query, also=tuple(also))


def query_of(source: str, sql: str, parameters: str) -> Query:
    """Return a query with its parameters as JSON. Raises UsageError, naming `source`, if they do not fit together."""
    _refuse_foreign_placeholders(source, sql)
    wanted = sorted(set(PLACEHOLDER.findall(sql)))
    try:
        declared = decode(parameters, dict[str, Parameter])
    except JsonError as error:
        raise UsageError(
            f"{source}: the parameters are not a JSON object of plain values or lists of such: {error}. Write"
            ' -- parameters: {"user_id": 42} into the file, or --parameters on the command line.'
        ) from error
    if wanted != sorted(declared):
        raise UsageError(
            f"{source}: the query has the parameters {wanted}, declared are {sorted(declared)}. Declare an example,"
            ' a plain value or a list of such, for each: in a file by a line such as -- parameters: {"user_id": 42},'
            " on the command line by --parameters."
        )
    return Query(sql, declared)


def _refuse_foreign_placeholders(source: str, sql: str) -> None:
    for found in STRAY_PERCENT.finditer(sql):
        if found["stray"]:
            raise UsageError(
                f"{source}: {found['stray']!r}: a percent sign begins a parameter. Write %% for the sign itself, in"
                " LIKE '...%%' too, and %(name)s for a parameter."
            )
    bare = "".join(token.text if token.kind == "other" else " x " for token in tokens(sql))
    if foreign := FOREIGN.search(bare):
        raise UsageError(
            f"{source}: {foreign[0].strip()} is a placeholder of another library. Write %(name)s, and its example into"
            ' the line -- parameters: {"name": 42}.'
        )
