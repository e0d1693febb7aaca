"""`tailguard preflight` says of each step whether it answers as expected, before a load test asks."""

import pytest
from click.testing import CliRunner, Result

from tailguard.cli.preflight import preflight
from tests.support.shop_service import PASSWORD, served_shop

pytestmark = pytest.mark.system


def tried(*words: str) -> Result:
    return CliRunner().invoke(preflight, [*words], standalone_mode=False)


def test_each_step_of_the_example_is_tried_once_and_then_many_times(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    example = str(pytestconfig.rootpath / "docs" / "examples" / "shop.toml")
    with served_shop() as (url, shop):
        done = tried(example, "--target", url, "--burst", "10")
    assert (done.return_value, done.exception) == (0, None), done.output
    assert len(shop.carts) == 1
    assert "ok       checkout: pay: answered as expected" in done.output
    assert "skipped  checkout: coupon: not taken" in done.output
    assert "ok       browse: 10 more, 8 at once: none failed, none was throttled" in done.output
    assert "skipped  checkout: 10 more, 8 at once: each takes a row that may be used once" in done.output


def test_a_step_that_fails_shows_what_was_said(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.toml").write_text(
        '[[scenario.find.steps]]\nname = "gone"\npath = "/gone"\n'
        '[[scenario.find.steps]]\nname = "pay"\npath = "/health"\n',
        encoding="utf-8",
    )
    with served_shop() as (url, _):
        done = tried("shop.toml", "--target", url, "--burst", "0")
    assert done.return_value == 65
    assert "FAILED   find: gone: gone (GET /gone) answered 404: Not Found" in done.output
    assert "skipped  find: pay: not taken: an earlier step failed" in done.output
