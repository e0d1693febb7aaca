"""What a run measures: a service that runs already, or what the suite starts itself."""

import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tailguard.base.errors import TailguardError, UsageError
from tailguard.config.merge import Config, load_config
from tailguard.config.suite_table import SuiteTable
from tailguard.pipeline.target import placement_of, platform_of, served_target, target_of
from tailguard.record.environment import Placement
from tailguard.record.run_record import Platform
from tailguard.suite.run import Run, Target


def config(url: str = "", platform: str | None = None) -> Config:
    return load_config(flags={"target.url": url, "platform": platform}, environ={})


def platform(configured: Config, run: Run) -> Platform:
    return platform_of(configured, run, target_of(configured))


def test_without_an_address_there_is_no_target() -> None:
    assert target_of(config()) == Target("")


def test_a_target_is_known_by_its_address_and_the_file_that_describes_it(pytestconfig: pytest.Config) -> None:
    file = str(pytestconfig.rootpath / "tailguard.toml")
    assert target_of(config("http://shop.example:8000/")) == Target("http://shop.example:8000", file)


@pytest.mark.parametrize(
    ("url", "write"),
    [
        ("shop.example", "http://shop.example"),
        ("localhost:8000", "http://localhost:8000"),
        ("ftp://shop.example", "http://host:port"),
        ("http://:80", "http://host:port"),
    ],
)
def test_what_is_not_an_address_is_named_with_what_is_meant(url: str, write: str) -> None:
    with pytest.raises(UsageError, match=rf"target\.url .* is not an address of a service; write {write}$"):
        target_of(config(url))


@pytest.mark.parametrize(
    ("platform", "sides", "own"),
    [
        (None, (), ""),
        ("http", (), ""),
        ("acme:Shop", (), "acme:Shop"),
        (None, ("", "acme:Faster"), "acme:Faster"),
        ("http", ("", ""), ""),
    ],
)
def test_a_platform_that_runs_in_the_generators_process_is_pinned_to_no_core_and_that_is_said(
    platform: str | None, sides: tuple[str, ...], own: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    placement = placement_of(config(platform=platform), *sides)
    told = f"{own} runs in the generator's process: pinned, both would share its cores"
    assert (placement.why == told) is bool(own)
    assert (f"Nothing is pinned to cores: {told}." in caplog.text) is bool(own)
    assert not (own and placement.pinned)


def test_the_record_says_how_the_platform_was_reached_and_what_was_made_to_fail_in_it() -> None:
    run = Run("r1", 1)
    assert platform(config(), run) == Platform(adapter="in-process")
    assert platform(config("http://shop"), run) == Platform(adapter="http", host="http://shop")
    assert platform(config("http://shop", "acme:Shop"), run).adapter == "acme:Shop"
    run.note("faults", ("capacity",))
    assert platform(config(), run).faults == ("capacity",)


def test_a_password_in_the_address_stays_out_of_the_record() -> None:
    url = "http://guard:hunter22@shop"
    assert target_of(config(url)).url == url
    assert platform(config(url), Run("r1", 1)).host == "http://guard:***@shop"


SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.system
def test_the_command_of_a_target_is_started_awaited_and_ended(tmp_path: Path) -> None:
    file = tmp_path / "tailguard.toml"
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    file.write_text(
        f'[target]\ncommand = "{sys.executable} server.py {{port}}"\nready = "/up"\n', encoding="utf-8"
    )
    configured = load_config(suite=SuiteTable(file), environ={})
    nowhere = Placement(generator=None, server=None, pinned=False)
    with served_target(configured, nowhere) as target:
        assert (urlopen(f"{target.url}/x").status, target.file) == (204, str(file))
    with pytest.raises(URLError, match="refused"):
        urlopen(f"{target.url}/x")
    file.write_text('[target]\ncommand = "no-such-program {port}"\n', encoding="utf-8")
    with (
        pytest.raises(TailguardError, match=r"exit code 127 before it answered:\n.*no-such-program"),
        served_target(configured, nowhere),
    ):
        pass
    file.write_text('[target]\ncommand = "serve"\n', encoding="utf-8")
    with (
        pytest.raises(UsageError, match=r"does not say where its port goes"),
        served_target(configured, nowhere),
    ):
        pass
