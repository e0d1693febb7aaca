"""Every setting has a range, and what lies outside is refused before anything starts, by its key."""

from collections.abc import Iterator

import click
import pytest

from tailguard.base.errors import UsageError
from tailguard.cli.main import cli, run_cli
from tailguard.config.merge import load_config
from tailguard.config.settings import Setting
from tests.support.suite import ROOT

FILE = ROOT / "tailguard.toml"
SETTINGS = load_config(file=FILE, environ={}).settings
HUGE = ("1" + "0" * 400, "1" * 5000, "1e308", "-1e308", "nan", "inf", "-1", "1e999")


def test_no_number_is_without_a_least_and_a_most() -> None:
    for name, setting in SETTINGS.items():
        if setting.option.type in (int, float):
            option = setting.option
            assert option.above is not None or option.at_least is not None, name
            assert option.below is not None or option.at_most is not None, name


@pytest.mark.parametrize("text", HUGE)
@pytest.mark.parametrize(
    "name", [name for name, each in SETTINGS.items() if each.option.type in (int, float)]
)
def test_a_number_beyond_all_sense_is_refused_by_its_key(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=rf"--set: {name} must be") as refused:
        load_config(file=FILE, environ={}, sets=[f"{name}={text}"])
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("text", ["a\nb", "a\0b", "\x1b[2J", "x" * 5000])
@pytest.mark.parametrize("name", [name for name, each in SETTINGS.items() if each.option.type in (str, list)])
def test_a_text_is_one_line(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=rf"(?s)--set: {name} must be"):
        load_config(file=FILE, environ={}, sets=[f"{name}={text}"])


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("load.rate_per_s=1e308", "load.rate_per_s must be at most 1,000,000"),
        ("load.rate_per_s=1e-308", "load.rate_per_s must be at least 0.001"),
        ("load.max_seconds=1e308", "load.max_seconds must be at most 604,800"),
        (
            "load.steps=1.2.3/s for .s",
            "load.steps must be texts such as '50/s for 10s', not ['1.2.3/s for .s']",
        ),
        ("load.workers=100000", "load.workers must be at most 1,000"),
        ("migrations.economy_rows=1234", "migrations.economy_rows must be at least 3,234"),
        ("migrations.repeats=999999999", "migrations.repeats must be at most 10,000"),
        (f"seed={10**26}", "seed must be at most 9,007,199,254,740,992"),
        ("slo.confidence=0.9999999999999999", "slo.confidence must be at most 0.999999"),
        ("platform=../x:y", "platform must be such as 'package.module:Name', not '../x:y'"),
        ("chaos.faults=s3_errors=0.02:1e308", "chaos.faults must be texts such as 's3_errors=0.02:5'"),
    ],
)
def test_what_a_run_cannot_do_ends_with_64_and_names_its_key(
    assignment: str, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert run_cli(["config", "show", "--set", assignment]) == 64
    assert says in capsys.readouterr().err


def test_what_stands_is_within_its_range() -> None:
    for profile in ("smoke", "ci", "full", "duet", "duet_http", "chaos"):
        settings = load_config(profile, file=FILE, environ={}).settings
        for setting in settings.values():
            within(setting)


def within(setting: Setting) -> None:
    if setting.value is not None:
        assert setting.option.accept(setting.value, setting.source) == setting.value


def commands_in(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from commands_in(found, (*path, name))
    else:
        yield " ".join(path), group


def test_no_number_of_a_command_is_without_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    seen = 0
    for path, command in commands_in(cli):
        for each in command.params:
            kind = each.type
            assert kind not in (click.INT, click.FLOAT), f"{path} --{each.name} takes any number"
            if isinstance(kind, click.IntRange | click.FloatRange):
                assert kind.min is not None, f"{path} --{each.name}"
                assert kind.max is not None, f"{path} --{each.name}"
                seen += 1
    assert seen > 10


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e308", "x"])
def test_no_command_takes_what_is_no_number(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["judge", "a.csv", "--objective", "p95 <= 1ms", "--confidence", value]) == 64
    assert "--confidence" in capsys.readouterr().err
