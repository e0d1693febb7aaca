"""Commands with their parameters, each with the one that it is compared with."""

import pytest

from tailguard.base.errors import UsageError
from tailguard.bench.asked import objectives_of
from tailguard.bench.commands import AUTO, Command, commands_of, scanned, shell_for, words_of


def pairs(*texts, names=(), reference="", **parameters):
    return [(each.name, each.baseline) for each in commands_of(texts, names, parameters, reference)]


def test_each_command_is_compared_with_the_first():
    assert pairs("./old", "./new", "./newer") == [("./old", ""), ("./new", "./old"), ("./newer", "./old")]


def test_a_reference_is_named_by_its_text_or_its_name():
    assert pairs("./old", "./new", reference="./new") == [("./old", "./new"), ("./new", "")]
    assert pairs("./a", "./b", names=["a", "b"], reference="b") == [("a", "b"), ("b", "")]


def test_several_commands_are_compared_at_the_same_parameters():
    assert pairs("./old {n}", "./new {n}", n=["1", "2"]) == [
        ("./old 1", ""),
        ("./old 2", ""),
        ("./new 1", "./old 1"),
        ("./new 2", "./old 2"),
    ]


def test_one_command_is_compared_with_itself_at_its_first_parameters():
    assert pairs("./x {n}", n=["1", "2"]) == [("./x 1", ""), ("./x 2", "./x 1")]


def test_a_name_without_its_parameter_is_given_it():
    assert pairs("./x {n}", names=["x"], n=["1", "2"]) == [("x n=1", ""), ("x n=2", "x n=1")]


@pytest.mark.parametrize(
    ("texts", "names", "parameters", "reference", "said"),
    [
        (["./a", "./a"], [], {}, "", "'./a' is given twice"),
        (["./a", "./b"], ["a"], {}, "", "1 names for 2 commands"),
        (["./a"], [], {"n": ["1"]}, "", r"No command holds \{n\}"),
        (["./a", "./b"], [], {}, "./c", "--reference './c' is none of the commands: ./a, ./b"),
        ([" "], [], {}, "", "A command is empty"),
        (["./a {n} {m}"], [], {"n": ["1"] * 40, "m": ["1"] * 40}, "", "1600 commands: give at most 1000"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(texts, names, parameters, reference, said):
    with pytest.raises(UsageError, match=said):
        commands_of(texts, names, parameters, reference)


def test_a_scan_has_both_ends_and_the_decimals_that_were_written():
    assert scanned("n", "1", "2", "0.5") == ["1.0", "1.5", "2.0"]
    assert scanned("n", "8", "10", "1") == ["8", "9", "10"]


@pytest.mark.parametrize("ends", [("a", "2", "1"), ("2", "1", "1"), ("1", "2", "0"), ("1", "1e9", "1")])
def test_a_scan_that_leads_nowhere_is_refused(ends):
    with pytest.raises(UsageError, match="--parameter-scan n"):
        scanned("n", *ends)


@pytest.mark.parametrize(
    ("text", "shell"), [("grep -r --color=no x .", ""), ("a | b", "sh"), ("X=1 ./a", "sh"), ("ls *.py", "sh")]
)
def test_a_shell_is_taken_only_for_a_command_that_needs_one(text, shell):
    assert shell_for([Command("x", text)], AUTO) == shell


def test_a_command_with_an_open_quote_is_refused():
    with pytest.raises(UsageError, match="is not a command: No closing quotation"):
        words_of("echo 'x", "")


def test_a_limit_without_a_name_is_every_commands():
    commands = commands_of(["./old 1", "./new 1"], [], {})
    objectives = objectives_of(["p95 <= 1s", "./new 1 p50 <= 90ms"], commands)
    assert objectives is not None
    assert [each.name for each in objectives.items] == [
        "./old 1 p95 <= 1s",
        "./new 1 p95 <= 1s",
        "./new 1 p50 <= 90ms",
    ]


@pytest.mark.parametrize(
    ("text", "said"), [("./x p95 <= 1s", "there is no command './x'"), ("error rate < 1%", "Limit a time")]
)
def test_a_limit_that_no_command_can_meet_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        objectives_of([text], commands_of(["./old"], [], {}))
