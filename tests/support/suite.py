"""This repository's own suite, as the tests name its parts."""

from pathlib import Path

from tailguard.config.suite_table import require_suite, suite_in

ROOT = Path(__file__).resolve().parents[2]
SUITE = require_suite(suite_in(ROOT / "tailguard.toml"))
OBJECTIVES = ROOT / "slo" / "objectives.toml"
MIGRATIONS = ROOT / "migrations_sql"
