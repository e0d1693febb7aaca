"""A folder of index migrations holds `NNNN_slug.up.sql`, `NNNN_slug.down.sql` and `NNNN_slug.query.sql`, and no
other SQL: a file that is called otherwise would silently not be applied.
"""

from collections.abc import Iterator

from tailguard.migrations.lint.finding import Finding
from tailguard.migrations.lint.linted import Linted
from tailguard.migrations.lint.rule import INDEX, UP, Example, Rule


def check(folder: Linted) -> Iterator[Finding]:
    """Find files of other names."""
    for file in folder.files if folder.indexes else ():
        if file.part == "":
            why = "Call it NNNN_slug.up.sql, .down.sql or .query.sql."
            yield Finding(file.path, 1, "error", "file-name", why)


RULE = Rule(
    name="file-name",
    severity="error",
    summary="Each file of a folder of index migrations is called NNNN_slug.up.sql, .down.sql or .query.sql.",
    why=__doc__ or "",
    example=Example(
        bad={name.replace("0001_", "1_") if name == UP else name: text for name, text in INDEX.items()},
        good=INDEX,
        shown="cannot be used",
    ),
    check=check,
)
