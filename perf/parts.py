"""What Tailguard asks of this suite beside its scenarios: the world that they run in, here or at a target elsewhere."""

from perf.mapping.login import RENEW, RENEW_AFTER_S, log_in
from perf.mapping.mapped import MappedPlatform
from perf.mapping.target import NEEDED, Target, load_target, parse_target, tls_of
from perf.reference_process import Reference, start_reference
from perf.remote import platform_of, rows_of
from perf.targets import SECRET_VARIABLE, packed, secret_of
from perf.world import check_platform, open_world, read_faults

__all__ = [
    "NEEDED",
    "RENEW",
    "RENEW_AFTER_S",
    "SECRET_VARIABLE",
    "MappedPlatform",
    "Reference",
    "Target",
    "check_platform",
    "load_target",
    "log_in",
    "open_world",
    "packed",
    "parse_target",
    "platform_of",
    "read_faults",
    "rows_of",
    "secret_of",
    "start_reference",
    "tls_of",
]
