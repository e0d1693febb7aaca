"""The tables of a proof are made by the suite, in time."""

import sys

import pytest

from tailguard.base.errors import UsageError
from tailguard.config.merge import load_config
from tailguard.proofs.tables import table_maker

SUITE = '[suite]\n[migrations]\nfixture = "slow_tables:make"\n[limits]\nprepare_s = 0.3\n'
MAKER = "import time\n\ndef make(conninfo, *, schema=None, table='', rows=None):\n    time.sleep(rows or 0)\n"


def test_a_maker_that_hangs_is_left_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "tailguard.toml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "slow_tables.py").write_text(MAKER, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    make = table_maker(load_config(file=tmp_path / "tailguard.toml", environ={}))
    make("dbname=anything")
    with pytest.raises(UsageError, match=r"not prepared within 0\.3 s.*slow_tables\.py, line 4"):
        make("dbname=anything", rows=600)
    sys.modules.pop("slow_tables")
