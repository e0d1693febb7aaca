"""A mistake in a file that declares scenarios is named with file, line, key and the nearest, before anything starts."""

from pathlib import Path

import pytest

from tailguard.base.errors import UsageError
from tailguard.http.declared.suite import declared_part

SHOP = """\
[target]
url = "http://127.0.0.1:8000"
[target.login]
kind = "token"
path = "/token"
body = { name = "{user.name}", password = "${PASSWORD}" }
rows = "user"
[rows.user]
generate = { id = "1..5", name = "buyer-{id}" }
use = "cycle"
[rows.item]
file = "items.csv"
[scenario.checkout]
rate = "50/s"
[[scenario.checkout.steps]]
name = "cart"
method = "POST"
path = "/cart"
body = { sku = "{item.sku}" }
save = { cart = "json.id" }
[[scenario.checkout.steps]]
name = "pay"
method = "POST"
path = "/cart/{cart}/pay"
refusals = { 409 = "<= 2%" }
[scenario.checkout.slo]
"cart p95" = "<= 120ms"
"""


@pytest.fixture
def declare(tmp_path: Path):
    (tmp_path / "items.csv").write_text("sku,qty\nshoe,2\nhat,3\n", encoding="utf-8")

    def declare(text: str = SHOP):
        file = tmp_path / "shop.toml"
        file.write_text(text, encoding="utf-8")
        return declared_part(file)

    return declare


def test_a_file_gives_its_scenarios_with_their_load_steps_limits_and_lines(declare) -> None:
    (checkout,) = declare().scenarios
    assert (checkout.name, checkout.title, checkout.rate) == ("checkout", "Checkout", "50/s")
    assert checkout.steps == ("cart", "pay")
    assert checkout.limits.refusals == {"HTTP 409": "<= 2%"}
    assert checkout.journey_needs == ("client", "user", "item")
    assert checkout.place.endswith("shop.toml, line 13")


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ('rate = "50', 'rat = "50', "line 13: [scenario.checkout]: unknown key 'rat'. Did you mean 'rate'?"),
        ("use =", "uses =", "line 8: [rows.user]: unknown key 'uses'. Did you mean 'use'?"),
        ("url =", "ulr =", "line 1: [target]: unknown key 'ulr'. Did you mean 'url'?"),
        ('"/cart"', '"cart"', "line 15: step 1 of checkout, 'cart': path: Expected `str` matching regex"),
        ("save =", "saved =", "step 1 of checkout, 'cart': unknown key 'saved'. Did you mean 'save'?"),
        ('"POST"', '"PSOT"', "step 1 of checkout, 'cart': method: Invalid enum value 'PSOT'"),
        ('"<= 2%"', "2", "line 21: step 2 of checkout, 'pay': refusals[...]: Expected `str`, got `int`"),
        ('"token"', '"tokn"', "line 3: [target.login]: kind is 'tokn'; write one of token, tokens, jwt, session"),
        ("body = { name", "bdy = { name", "line 3: [target.login]: unknown key 'bdy'. Did you mean 'body'?"),
        ('rows = "user"', 'rows = "usr"', "there is no [rows.usr]. Did you mean 'user'?"),
        ('"cycle"', '"cicle"', "[rows.user]: use: Invalid enum value 'cicle'"),
        ('"1..5"', '"5..1"', 'line 8: generate needs a range of at most 1,000,000 ids, such as id = "1..500"'),
        ('file = "items.csv"', "", "line 11: give item a file, or generate = "),
        ("[rows.item]", "[rows.target]", "line 11: rows cannot be called 'target'"),
        ("{item.sku}", "{item.sko}", "{item.sko} stands for nothing: item has no such field. Did you mean 'sku'?"),
        ("{item.sku}", "{itm.sku}", "line 15: step 'cart' of checkout: {itm.sku} stands for nothing here. Did you"),
        ("{item.sku}", "{order}", "{order} stands for nothing here. Known: item.qty, item.sku, key, number, "),
        ("{item.sku}", "${NOWHERE}", "step 1 of checkout, 'cart' needs the environment variable NOWHERE, which is not"),
        ('"{item.sku}"', "2024-01-01", "step 1 of checkout, 'cart': body holds a date or a time; write it as a text"),
        ("json.id", "jsn.id", "save: cart is 'jsn.id'; write one of json.…, header.…, cookie.…, regex.…"),
        ("json.id", "regex.(", "save: cart: '(' is not a regular expression: "),
        ("cart = ", "key = ", "save: 'key' stands for something else already; save it by another name"),
        ("409 =", "200 =", "refusals: '200' is not a status from 400 on, such as 409 or '400 already sold'"),
        ('name = "pay"', 'name = "cart"', "step 'cart' of checkout: there is another step of that name"),
        ('path = "/cart/{cart}/pay"', "", "step 'pay' of checkout: give it a path, or what it does on the WebSocket"),
        ("refusals =", 'raw = "x"\nform = { a = "1" }\nrefusals =', "form and raw are both a body: leave one out"),
        ("refusals =", 'broadcast = "{cart}"\nrefusals =', "broadcast needs subscribers: [scenario.NAME.audience]"),
        ("refusals =", 'send = "x"\nrefusals =', "give it a path, or what it does on the WebSocket"),
        ('rate = "50/s"', 'invariants = { x = {} }', "line 13: [scenario.checkout]: invariants[...]: Object missing"),
        ("refusals = { 409 = \"<= 2%\" }", "together = 2", "together needs refusals: what those are answered"),
        ("refusals =", 'expect = { sttus = [1] }\nrefusals =', "expect: unknown key 'sttus'. Did you mean 'status'?"),
        ('url = "http', 'command = "serve {port}"\nurl = "http', "line 1: [target]: give url or command, not both"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(declare, written: str, instead: str, told: str) -> None:
    assert written in SHOP
    with pytest.raises(UsageError) as caught:
        declare(SHOP.replace(written, instead, 1))
    assert str(caught.value).startswith("shop.toml, line ")
    assert told in str(caught.value)


MIX = """
[[scenario.browse.steps]]
name = "look"
path = "/"
[mix.day]
rate = "100/s"
weights = { browse = 70, checkout = 30 }
"""


def test_a_mix_has_each_scenarios_share(declare) -> None:
    assert declare(SHOP + MIX).mixes["day"].shares() == {"browse": 0.7, "checkout": 0.3}


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("browse = 70", "browsr = 70", "there is no scenario 'browsr'. Did you mean 'browse'?"),
        ("browse = 70", "browse = 0", "weights[...]: Expected `float` > 0.0"),
        (", checkout = 30", "", "a mix is of two scenarios or more"),
        ('"100/s"', '"100"', "rate '100' is not valid"),
        ("weights", "weigths", "unknown key 'weigths'. Did you mean 'weights'?"),
    ],
)
def test_what_is_wrong_in_a_mix_is_named(declare, written: str, instead: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        declare(SHOP + MIX.replace(written, instead, 1))
    assert str(caught.value).startswith("shop.toml, line 32: [mix.day]: ")
    assert told in str(caught.value)


def test_a_file_of_rows_that_is_not_there_is_named(declare) -> None:
    with pytest.raises(UsageError, match=r"shop\.toml, line 11: Cannot read .*nothing\.csv: No such file"):
        declare(SHOP.replace("items.csv", "nothing.csv"))
