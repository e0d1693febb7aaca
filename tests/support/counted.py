"""The variables by which a process that a test starts counts its lines, where lines are counted."""

import os

COUNTED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
