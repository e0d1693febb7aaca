"""A database whose encoding lacks letters of the seeded names is refused before a table is made."""

import psycopg
import pytest

import tailguard as tg
from perf.reference import make_tables


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252"])
def test_a_database_that_cannot_hold_the_seeded_names_is_refused_before_anything_is_made(
    own_database, encoding
):
    conninfo = own_database("letters", f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(tg.UsageError, match=rf"letters has the encoding {encoding}.*東京.*ENCODING 'UTF8'"):
        make_tables(conninfo, "platform")
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'platform'").fetchone() is None


def test_a_database_in_utf8_gets_the_tables(own_database):
    conninfo = own_database("letters", "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    make_tables(conninfo, "platform")
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("SELECT count(*) FROM platform.accounts_user").fetchone() == (0,)
