"""Texts that others wrote, as each reader of our output shows them: as text, never as a command.

Names, reasons and messages come from a suite, a server, another tool's file or a stranger's run folder. Every writer
passes them through the function of its reader. HTML needs none: Jinja escapes there.
"""

import re

# What moves a cursor, colours, rings, reorders letters, ends a line by surprise or has no place in XML.
# "\n", "\t" and the "\r\n" of CSV are left.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
    "|\r(?!\n)"
)
# A runner of GitHub obeys such a line, wherever it comes from; it skips blanks before it.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_ZERO_WIDTH = "&#8203;"


def visible(text: str) -> str:
    r"""Return `text` with invisible characters as `\u001b`; line ends are kept. Inside of a JSON string it is the same.

    For XML, SVG, and files as a whole.
    """
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def for_terminal(text: str) -> str:
    """Return one line: its line ends are visible too, and it gives no command to a runner of GitHub."""
    line = visible(text).replace("\r\n", r"\u000d\u000a").replace("\n", r"\u000a")
    return _COMMAND.sub(lambda found: f"{found[1] or ''}\\u{ord(found[0][-1]):04x}", line)


def for_markdown(text: str) -> str:
    """Return one line that neither GitHub-flavoured Markdown nor HTML nor a table takes for its own.

    `p95 < 5000ms` stays readable. Nobody is mentioned, no issue or address becomes a link, wherever it stands.
    """
    flat = " ".join(visible(text).split())
    flat = re.sub(r"&(?=[#\w])", "&amp;", flat)
    flat = re.sub(r"<(?![\s=\d])", "&lt;", flat)
    flat = re.sub(r"([\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", flat)
    flat = re.sub(r"^(?=>|[#+:-](?:[\s#+:-]|$))|^(\d+)(?=[.)](?:\s|$))", r"\1\\", flat)
    # A backslash is gone before GitHub looks for these.
    return re.sub(r"@(?=\w)|(?:#|\bGH-)(?=\d)|:(?=//)|\bwww(?=\.)", rf"\g<0>{_ZERO_WIDTH}", flat)


def as_markdown_code(text: str) -> str:
    """Return a code span on one line."""
    flat = for_terminal(" ".join(text.split())).replace("`", "'")
    return f"`{flat}`"


def for_workflow(text: str) -> str:
    """Return the message of a workflow command of GitHub; line ends survive."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def for_workflow_property(text: str) -> str:
    """Return the value of a property (title, file) of a workflow command."""
    return for_workflow(text).replace(":", "%3A").replace(",", "%2C")


def for_csv(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; quoting is csv's own."""
    return f"'{visible(text)}" if text.startswith(_FORMULA) else visible(text)


def for_label(text: str) -> str:
    """Return the value of a label in OpenMetrics and PromQL, without its quotes."""
    return visible(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def for_go_template(text: str) -> str:
    """Return what a template of Prometheus or Sloth gives out as `text`."""
    return text.replace("{{", "{{`{{`}}")
