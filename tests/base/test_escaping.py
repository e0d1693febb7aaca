"""Each reader of our output shows a stranger's text, and obeys none of it. What is clean comes out as it was."""

import json
import logging

import pytest
from markdown_it import MarkdownIt

from tailguard.base.errors import UsageError
from tailguard.base.output.escaping import (
    as_markdown_code,
    for_csv,
    for_label,
    for_markdown,
    for_terminal,
    for_workflow,
    for_workflow_property,
    visible,
)
from tailguard.base.output.log_lines import shown_lines
from tailguard.base.output.streams import say
from tailguard.cli.main import explain

CLEAN = (
    "GET /cart?a=1&b=2 p95 <= 215 ms: 3 of 585 (0.5 %) — 1.2 µs → 3 µs, naïve 日本語 👩‍👩‍👧, idx_tx_wallet"
)


@pytest.mark.parametrize(
    "reader", [visible, for_terminal, for_workflow, for_csv, for_label], ids=lambda reader: reader.__name__
)
def test_clean_text_is_left_as_it_is(reader) -> None:
    assert reader(CLEAN).replace("%25", "%") == CLEAN


def test_clean_text_is_shown_by_markdown_as_it_is() -> None:
    assert _shown_by_markdown(for_markdown(CLEAN)) == CLEAN


def _shown_by_markdown(text: str) -> str:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    return "".join(child.content for child in tokens[1].children or [])


@pytest.mark.parametrize(
    "code", [*range(9), 11, 12, *range(14, 32), *range(127, 160), 0x202E, 0x2028, 0x2066]
)
def test_no_control_character_is_left(code: int) -> None:
    assert visible(f"a{chr(code)}b") == f"a\\u{code:04x}b"


def test_in_json_a_visible_character_is_the_character_that_it_was() -> None:
    text = json.dumps({"name": "\x7f\x9b\u202e"}, ensure_ascii=False)
    assert json.loads(visible(text)) == json.loads(text)


def test_line_ends_are_kept_in_a_file_and_shown_on_a_line() -> None:
    assert visible("a\r\nb\n") == "a\r\nb\n"
    assert visible("over\rwritten") == "over\\u000dwritten"
    assert for_terminal("one\r\ntwo\n") == "one\\u000d\\u000atwo\\u000a"


@pytest.mark.parametrize(
    "text", ["::set-env name=x::y", "  ::stop-commands::x", "\t::error::x", "a ##[error]x"]
)
def test_a_line_gives_no_command_to_a_runner(text: str) -> None:
    shown = for_terminal(text)
    assert not shown.strip().startswith("::")
    assert "##[" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "# head", "#", "## [x]", "> quote", ">quote", "- item", "+ item", "* item", "--- rule", "---", "1. first",
        "12) first", "<b>bold</b>", "<!-- tailguard -->", "<?x", "</td>", "&lt;", "&#60;", "[a](http://b)", "[^1]",
        "![a](b)", "*a*", "_a_", "__a__", "~~a~~", "`code`", "``", "a | b", "\\", "\\*a\\*", "$x$", "::error::x",
        "two\n\nblocks", "    code",
    ],
)  # fmt: skip
def test_markdown_makes_nothing_of_it(text: str) -> None:
    assert _shown_by_markdown(for_markdown(text)).replace("\u200b", "") == " ".join(text.split())


@pytest.mark.parametrize(
    "text", ["@octocat", "a@b.example", "#12", "owner/name#12", "GH-12", "https://a", "www.a.b"]
)
def test_github_links_and_mentions_nothing(text: str) -> None:
    shown = _shown_by_markdown(for_markdown(text))
    assert shown != text
    assert shown.replace("\u200b", "") == text


def test_a_code_span_ends_at_its_own_end() -> None:
    assert as_markdown_code("a`b\n<c>") == "`a'b <c>`"


def test_a_property_of_an_annotation_ends_at_its_own_end() -> None:
    assert for_workflow_property("a,title=b::c\n%") == "a%2Ctitle=b%3A%3Ac%0A%25"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\n=1", "\r=1", "\uff1d1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert for_csv(text).startswith("'")


def test_what_is_said_is_a_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b]0;owned\x07\nPASS", err=True)
    assert capsys.readouterr().err == "\\u001b]0;owned\\u0007\\u000aPASS\n"


def test_an_error_keeps_its_lines_and_rings_no_bell(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(UsageError("the server says:\n\x1b[2J\x07no")) == 64
    assert capsys.readouterr().err == "Error: the server says:\n\\u001b[2J\\u0007no\n"


def test_a_fault_of_ours_is_shown_without_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(ValueError("\x1b[2J")) == 70
    assert "\x1b" not in capsys.readouterr().err


def test_a_log_line_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_lines():
        logging.getLogger("tailguard.x").warning("role %s", "\x1b[31mred")
    assert capsys.readouterr().err == "Warning: role \\u001b[31mred\n"
