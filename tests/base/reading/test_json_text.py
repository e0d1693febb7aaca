"""JSON that somebody may have edited: each mistake has its place."""

import json

import msgspec
import pytest

from tailguard.base.reading.json_text import DEEPEST, JsonError, decode, refuse_ambiguous

DEEP = b"[" * 5000 + b"]" * 5000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{\n"a": ' + DEEP + b"}", "it nests too deeply, on line 2"),
        (b'{"a": ' + b'{"a": ' * 100_000, "it nests too deeply, on line 1"),
        (b'{"a":\n  NaN}', r"invalid character \(line 2, column 3\)"),
        (b'{"a": -Infinity}', r"invalid character \(line 1, column 8\)"),
        (b'{"a": "\\ud800 and more"}', r"surrogate pair \(line 1, column 1\d\)"),
        (b'{"a": 1e999}', "Number out of range"),
        (b'{"a": ' + b"1" * 5000 + b"}", "Integer value out of range"),
        (b'{"a": "\xff"}', "UTF-8"),
    ],
)
def test_what_cannot_be_read_has_its_place(text, says):
    with pytest.raises(JsonError, match=says):
        decode(text, dict[str, object])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('{"a": {"b": 1, "c": 2, "b": 1}}', r"the key 'b' occurs twice - at `\$\.a`"),
        ('{"a": [0, 1e300]}', r"1e\+300 is beyond what 64 bits hold - at `\$\.a\[1\]`"),
        ('{"a": 9223372036854775808}', r"beyond what 64 bits hold - at `\$\.a`"),
        (f'{{"a": {"[" * (DEEPEST + 1)}{"]" * (DEEPEST + 1)}}}', f"nests deeper than {DEEPEST} levels"),
        (f'{{"a": {"[" * 100_000}{"]" * 100_000}}}', f"nests deeper than {DEEPEST} levels"),
    ],
)
def test_what_programs_read_in_different_ways_is_refused(value, says):
    with pytest.raises(JsonError, match=says):
        refuse_ambiguous(value.encode())


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('{"a": {"b": 1, "c": 2, "b": 1}}', "the key 'b' occurs twice"),
        ('{"a": [0, 1e300]}', "beyond what 64 bits hold"),
        ('{"a": -1.5e19}', "beyond what 64 bits hold"),
        ('{"a": 9223372036854775808}', "beyond what 64 bits hold"),
        ('{"a": 12345678901234567890123.5}', "beyond what 64 bits hold"),
        (f'{{"a": {"[" * (DEEPEST + 1)}{"]" * (DEEPEST + 1)}}}', f"nests deeper than {DEEPEST} levels"),
    ],
)
def test_it_is_refused_likewise_in_the_form_that_records_are_written_in(value, says):
    with pytest.raises(JsonError, match=says):
        refuse_ambiguous(msgspec.json.format(value.encode(), indent=1) + b"\n")


ALIKE = {"a": [True, None, -(2**63) + 1, 2**63 - 1, 0.5, 1e-7, "x", " 1e300", {"a": {}}]}


@pytest.mark.parametrize(
    "text", [json.dumps(ALIKE).encode(), msgspec.json.format(msgspec.json.encode(ALIKE), indent=1) + b"\n"]
)
def test_what_all_read_alike_passes(text):
    refuse_ambiguous(text)
