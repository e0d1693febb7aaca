"""Our options of locust's command line, each with its variable."""

from argparse import Namespace
from typing import Any  # locust's parser and its options ship no types

import msgspec
from msgspec.structs import replace

# Such as `--tailguard-set database.dsn=...`.
_SECRET = ("tailguard_dsn", "tailguard_set")


def add_options(parser: Any) -> None:
    """Add those of a suite's scenarios; those that make sense between two tests appear in locust's web form too."""
    add_options_of_any(parser)
    for name, about in (
        ("objectives", "Objectives file (default: slo/objectives.toml)"),
        (
            "target",
            "TOML file with the target's routes, log-in and data (default: the configuration file's [target])",
        ),
    ):
        _add_text(parser, name, about)
    parser.add_argument(
        "--tailguard-dsn",
        env_var=variable("dsn"),
        is_secret=True,
        include_in_web_ui=False,
        help="The target's PostgreSQL, read-only, to check what must hold in it",
    )
    parser.add_argument(
        "--tailguard-rate",
        env_var=variable("rate"),
        default="",
        help="Iterations per second of each scenario, or SCENARIO=RATE,...: an open model, timed from intended starts",
    )
    parser.add_argument(
        "--tailguard-schedule",
        env_var=variable("schedule"),
        default="",
        help="poisson (default of the open model), constant, ramp:FROM-TO or steps:RATExSECONDS,...",
    )


def add_options_of_any(parser: Any) -> None:
    """Add those of any test, also of users that are not ours."""
    for name, about in (
        ("profile", "Profile of the configuration: smoke (default), ci, full, or one of your own"),
        ("config", "Configuration file (default: ./tailguard.toml if there)"),
        ("keep-raw", "Folder in which each worker keeps its own samples too, as .npy files"),
    ):
        _add_text(parser, name, about)
    parser.add_argument(
        "--tailguard-set",
        env_var=variable("set"),
        action="append",
        default=[],
        metavar="KEY=VALUE",
        include_in_web_ui=False,
        help="Set any key of `tailguard config show`; may be given again",
    )
    parser.add_argument(
        "--tailguard-until-decided",
        env_var=variable("until-decided"),
        action="store_true",
        default=False,
        include_in_web_ui=False,
        help="End the test once every objective is decided",
    )


def _add_text(parser: Any, name: str, about: str) -> None:
    parser.add_argument(f"--tailguard-{name}", env_var=variable(name), include_in_web_ui=False, help=about)


def variable(name: str) -> str:
    """Return the environment variable of an option."""
    return "LOCUST_TAILGUARD_" + name.upper().replace("-", "_")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What chooses the configuration: a profile, files, single values as KEY=VALUE, and where the target is.

    `target` is the file that describes it, `dsn` its database.
    """

    profile: str | None = None
    file: str | None = None
    sets: tuple[str, ...] = ()
    objectives: str | None = None
    target: str | None = None
    host: str | None = None
    dsn: str | None = None


def selection(options: Any, host: str | None) -> Selection:
    """Return what the command line says of the configuration; the host may have been changed on locust's page."""
    return replace(
        selection_of_any(options, host),
        objectives=options.tailguard_objectives,
        target=options.tailguard_target,
        dsn=options.tailguard_dsn,
    )


def selection_of_any(options: Any, host: str | None) -> Selection:
    """Return what any test's command line says of the configuration, see `selection`."""
    return Selection(
        profile=options.tailguard_profile,
        file=options.tailguard_config,
        sets=tuple(options.tailguard_set or ()),
        host=host or None,
    )


def withhold(options: Namespace) -> Namespace:
    """Take out of the options, which locust sends to every worker, those that may hold a secret; return them."""
    taken = Namespace(**{name: value for name, value in vars(options).items() if name in _SECRET})
    vars(options).update(dict.fromkeys(vars(taken)))
    return taken
