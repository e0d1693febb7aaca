"""Every `tailguard` command that a page gives is one that the command line takes."""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress

import click
import pytest

from tailguard.cli.main import cli
from tests.docs.page import DOCS, ROOT

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
# In a block, with or without a prompt, variables and the folder of the program before it.
LINE = re.compile(r"^ *(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S+/bin/)?tailguard ([a-z][^|;&`\n]*)", re.MULTILINE)
# In a sentence, where a line may end within it.
INLINE = re.compile(r"(?<!`)`tailguard ([a-z][^|;&`]*)`")
COMMENT = re.compile(r"\s+# .*$")


def given(text: str) -> Iterator[str]:
    """Yield what stands after `tailguard` in blocks, lines joined that end with a backslash."""
    code = re.findall(
        r"^ *```\w*\n(.*?)^ *```|((?:^    .*\n)+)", text.replace("\\\n", " "), re.MULTILINE | re.DOTALL
    )
    for found in LINE.findall("\n".join("".join(each) for each in code)):
        yield COMMENT.sub("", found)


def takes(words: list[str]) -> None:
    """Parse the words as the command line does, without running anything."""
    command, context = cli, click.Context(cli, info_name="tailguard")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, context, words = found, click.Context(found, parent=context), words[1:]
    command.make_parser(context).parse_args(args=words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists_with_its_options(page) -> None:
    text = page.read_text(encoding="utf-8")
    for command in given(text):
        takes(shlex.split(command))
    for command in INLINE.findall(text):
        with suppress(click.BadOptionUsage):  # a sentence may name an option without its value
            takes(shlex.split(command))


def test_an_option_that_there_is_not_is_found() -> None:
    with pytest.raises(click.NoSuchOption):
        takes(["run", "--nonsense"])
