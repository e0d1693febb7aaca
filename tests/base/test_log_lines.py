"""What goes on is shown on standard error: plain lines, warnings named, secrets masked."""

import logging

from tailguard.base.output.log_lines import shown_lines

LOG = logging.getLogger("tailguard.some.room")


def test_lines_are_shown_as_they_are_said_and_warnings_say_so(capsys):
    with shown_lines():
        LOG.info("starting %s", "PostgreSQL")
        LOG.warning("a schema stays behind")
        LOG.debug("nobody wants to know")
    assert capsys.readouterr() == ("", "starting PostgreSQL\nWarning: a schema stays behind\n")


def test_a_secret_in_a_line_is_masked(capsys):
    with shown_lines():
        LOG.info("Database: postgresql://guard:hunter22@db/arena")
    assert "hunter22" not in (said := capsys.readouterr().err)
    assert "postgresql://guard:***@db/arena" in said


def test_afterwards_nothing_is_shown_any_more(capsys):
    with shown_lines():
        pass
    LOG.info("too late")
    assert capsys.readouterr().err == ""
