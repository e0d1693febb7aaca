"""docs/reference/target-file.md has each key of the format, with its default."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from tailguard.http.declared import format as declared
from tailguard.http.declared.format import Login, Table
from tailguard.http.declared.suite import declared_part

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "target-file.md").read_text(
    encoding="utf-8"
)
TABLES: dict[str, type[Table]] = {
    "## `[target]`": declared.TargetTable,
    "## `[rows.NAME]`": declared.RowsTable,
    "## `[scenario.NAME]`": declared.ScenarioTable,
    "## `[[scenario.NAME.steps]]`": declared.Step,
    "## `[scenario.NAME.invariants]`": declared.Query,
    "## `[mix.NAME]`": declared.MixTable,
    "### `expect`": declared.Expect,
    "## `[scenario.NAME.audience]`": declared.Audience,
}


def section(heading: str) -> str:
    return re.split(r"^#", PAGE.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def defaults_of(kind: type[Table]) -> dict[str, str]:
    """Return each key with its default as the page writes it."""
    return {each.encode_name: _written(each) for each in msgspec.structs.fields(kind)}


def _written(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return "`{}`"
    if field.default is msgspec.NODEFAULT:
        return "needed"
    if field.default in (None, msgspec.UNSET):
        return "none"
    return f"`{msgspec.json.encode(field.default).decode()}`"


@pytest.mark.parametrize("heading", TABLES)
def test_each_key_of_a_table_is_there_with_its_default(heading: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", section(heading), re.MULTILINE)
    assert dict(rows) == defaults_of(TABLES[heading])


@pytest.mark.parametrize("kind", get_args(Login))
def test_each_key_of_a_log_in_is_there_with_its_default(kind: type[Table]) -> None:
    rows = re.findall(
        r"^\| (.+?) \| `(\w+)` \| [^|]+ \| ([^|]+) \|", section("## `[target.login]`"), re.MULTILINE
    )
    tag = kind.__struct_config__.tag
    of_kind = {
        key: default
        for kinds, key, default in rows
        if kinds in (f"`{tag}`", "all") or (kinds.startswith("all but") and f"`{tag}`" not in kinds)
    }
    assert of_kind == defaults_of(kind)


def test_the_pages_example_is_one(tmp_path: Path) -> None:
    example = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    (tmp_path / "shop.toml").write_text(example, encoding="utf-8")
    (tmp_path / "items.csv").write_text("sku\nshoe\n", encoding="utf-8")
    (checkout,) = declared_part(tmp_path / "shop.toml").scenarios
    assert (checkout.name, checkout.steps) == ("checkout", ("cart", "pay"))
