"""Puts DeltaCrown's suite into the wheel, where `tailguard init --example deltacrown` finds it.

As static `force-include` it would be copied in an editable install too, and hide the package itself.
"""

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARTS = ("perf", "scenarios", "slo", "reports", "migrations_sql", "reference", "tailguard.toml")


class ExampleInWheel(BuildHookInterface):
    """Adds the parts of the suite to a real wheel."""

    def initialize(self, version, build_data):
        """Called by hatchling; `version` is "editable" for an editable install."""
        if version == "standard":
            build_data["force_include"] |= {part: f"tailguard/examples/deltacrown/{part}" for part in PARTS}
