"""The example of a shop is played against one: log-in, rows, saved values, conditions, refusals, WebSockets."""

from pathlib import Path

import pytest

from tests.support.declared_play import Played
from tests.support.shop_service import PASSWORD, served_shop

pytestmark = pytest.mark.system
COUNT = 40


@pytest.fixture
def example(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    return pytestconfig.rootpath / "docs" / "examples" / "shop.toml"


def test_each_scenario_of_the_shop_does_what_it_says(example: Path) -> None:
    with served_shop() as (url, shop):
        played = Played(example, url, COUNT)
    assert set(played.of) == {"browse", "checkout", "support", "price"}
    assert played.kinds("browse") == played.kinds("support") == played.kinds("price") == {}
    assert played.kinds("checkout") == {"HTTP 409 sold out: HTTP 409": COUNT // 20}
    assert (
        played.ok("browse", "item") == played.ok("support", "ask") == played.ok("price", "broadcast") == COUNT
    )
    assert played.ok("checkout", "coupon") == COUNT // 2
    assert played.ok("checkout", "receipt") == COUNT - COUNT // 20
    assert sorted(set(shop.carts.values())) == sorted(f"sku-{number + 1}" for number in range(COUNT))
    assert len(set(shop.keys)) == COUNT
    assert "Bearer token-of-buyer-7" in shop.buyers
    assert (shop.log_ins, shop.coupons, shop.load_tests) == (50, {"SPRING"}, {"tailguard"})
    assert [each.held for each in played.invariants["price"]] == [True, True, True]
