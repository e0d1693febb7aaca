"""What looks well and is not: none of it may pass in pytest's door."""

import pytest

from tests.support.installed import Service, served_by

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.system


@pytest.fixture
def shop():
    """A shop whose search is broken at once, whose cart is empty, and which knows no other route; its address."""

    class Shop(Service):
        def do_GET(self):
            self.answer({"/search": 500, "/cart": 200}.get(self.path, 404), b"[]")

    with served_by(Shop) as url:
        yield url


CLIENT = """
    import urllib3

    pool = urllib3.PoolManager()

    @pytest.fixture
    def client():
        return lambda path: pool.request("GET", {url!r} + path)

    def cart(client):
        assert client("/cart").json(), "the cart is empty"
"""


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ('slo(client, "/serach")', "The first HTTP 404: HTTP 404"),
        ('slo(client, "/search")', "The first HTTP 500: HTTP 500"),
        ("slo(cart, client)", "The first AssertionError: the cart is empty"),
    ],
    ids=["a 404 route", "a 500 at once", "a 200 with a wrong body"],
)
def test_a_wrong_answer_fails_with_a_latency_limit_alone_and_says_what_it_was(project, shop, call, why):
    done = project.test(
        tests=CLIENT.format(url=shop)
        + f"""
    @pytest.mark.slo("p95 <= 500ms")
    def test_find(slo, client):
        {call}
    """
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["FAIL: test_shop.py::test_find error rate < 1%", f"{why}*"])
    assert len(project.run.samples()["test_shop.py::test_find"]) < 5000, "a breach ends it"


def test_an_async_call_that_nobody_awaits_fails_with_the_line_to_write(project):
    done = project.test(
        tests="""
        import asyncio

        async def call():
            pass

        @pytest.mark.slo("p95 <= 500ms")
        def test_plain(slo):
            slo(call)

        @pytest.mark.slo("p95 <= 500ms")
        def test_hidden(slo):
            slo(lambda: call())

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        @pytest.mark.slo("p95 <= 500ms")
        async def test_async(slo):
            slo(call)
        """
    )
    done.assert_outcomes(failed=3)
    done.stdout.fnmatch_lines(
        [
            "slo got call, which is async*Write `async def test_plain` and `await slo(...)`",
            "*test_shop.py, line 16: the step's call returned a coroutine*",
            "*test_async*calls slo and does not await it: write `await slo(...)`",
        ]
    )
    assert not (project.path / "runs").exists(), "nothing was measured"


def test_a_scenario_that_only_refuses_is_not_measured(project):
    done = project.test(
        tests="""
        class OutOfStock(Exception):
            pass

        def sell():
            raise OutOfStock

        @tg.scenario(refusals=[OutOfStock], slo=["buy p95 <= 500ms"])
        def buy(it):
            it.step("buy", sell)

        def test_buy(slo):
            slo(buy)
        """
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["INVALID: buy buy p95 <= 500ms", "*of 20000 calls of buy were refused*"])


def test_invariants_that_yield_nothing_are_not_kept(project):
    done = project.test(
        tests="""
        @tg.scenario(slo=["buy p95 <= 500ms"])
        def buy(it):
            it.step("buy", time.sleep, 0.0001)

        @buy.invariants
        def nothing():
            yield from ()

        def test_buy(slo):
            slo(buy)
        """
    )
    done.assert_outcomes(errors=1)


@pytest.mark.parametrize(
    ("tests", "line"),
    [
        (
            "@pytest.mark.slo('p95 <= 500ms')\ndef test_find():\n    pass",
            "test_find has @pytest.mark.slo('p95 <= 500ms')*add the fixture*`def test_find(slo, ...): slo(call, ...)`",
        ),
        ("def test_find(slo):\n    pass", "test_find takes slo and never calls it: add `slo(call, ...)`*"),
        (
            "def test_find(slo):\n    slo(int)",
            '*test_find states no limit: add a line such as `@pytest.mark.slo("p95 <= 50ms")` above `def test_find`',
        ),
        (
            "@pytest.mark.slo('p95 <= 1s')\ndef test_find(slo):\n    slo(int)\n    slo(int)",
            "test_find calls slo a second time*",
        ),
        (
            "@pytest.mark.slo('pay p95 <= 1s')\ndef test_find(slo):\n    slo(int)",
            "*'pay' is unknown; known: call",
        ),
        ("@pytest.mark.slo('fast')\ndef test_find(slo):\n    slo(int)", "*limit 'fast' does not parse*"),
        (
            "@pytest.mark.slo('p95 <= 1s', user=3)\ndef test_find(slo):\n    slo(int)",
            "*unknown option 'user'. Did you mean 'users'?",
        ),
        ("@pytest.mark.slo(50)\ndef test_find(slo):\n    slo(int)", "*50 is not a limit*'p95 <= 50ms'"),
        ("@pytest.mark.slo('p95 <= 1s', rate=3)\ndef test_find(slo):\n    slo(int)", "*rate is 3*'100/s'"),
        (
            "@pytest.mark.slo('p95 <= 1s', rate='3')\ndef test_find(slo):\n    slo(int)",
            "*rate '3' is not valid*",
        ),
        ("@pytest.mark.slo('p95 <= 1s', users=-1)\ndef test_find(slo):\n    slo(int)", "*users is -1*"),
        (
            "@pytest.mark.slo('p95 <= 1s')\n@pytest.mark.slo('p95 <= 2s')\ndef test_find(slo):\n    slo(int)",
            "*leave one out",
        ),
        (
            "@tg.scenario(slo=['buy p95 <= 1s'])\ndef buy(it):\n    pass\ndef test_find(slo):\n    slo(buy, 3)",
            "slo(buy, ...) takes nothing else*",
        ),
        (
            "@tg.scenario\ndef buy(it):\n    it.step('buy', int)\ndef test_find(slo):\n    slo(buy)",
            "*test_find states no limit*",
        ),
        (
            "@tg.scenario(slo=['p95 <= 1s'])\ndef buy(it):\n    pass\ndef test_find(slo):\n    slo(buy)",
            "*has p95 but no step*or name it in the limit, as in 'pay p95 <= 1s'",
        ),
        (
            "@tg.scenario(slo=['buy p95 <= 1s'])\ndef buy(it, shop):\n    pass\ndef test_find(slo):\n    slo(buy)",
            "*asks for a fixture 'shop' that does not exist*",
        ),
    ],
)
def test_an_unasked_question_and_a_wrong_one_fail_with_the_line_to_add(project, tests, line):
    done = project.test(tests=tests)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines([line])
    assert "Traceback" not in done.stdout.str()


def test_a_limit_on_a_step_that_never_ran_is_an_error(project):
    (project.path / "tailguard.toml").write_text("[load]\nmax_seconds = 1.0\n", encoding="utf-8")
    done = project.test(
        tests="""
        @tg.scenario(slo=["pay p95 <= 500ms"])
        def buy(it):
            it.step("cart", time.sleep, 0.001)

        def test_buy(slo):
            slo(buy)
        """
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        ["INVALID: buy pay p95 <= 500ms", "*step 'pay' is missing from the run of 'buy'"]
    )


def test_rows_that_are_used_up_before_the_limits_are_decided_do_not_pass(project):
    (project.path / "buyers.csv").write_text("name\n" + "ann\n" * 150, encoding="utf-8")
    done = project.test(
        tests="""
        buyer = tg.rows("buyers.csv")

        @tg.scenario(slo=["buy p95 <= 500ms"])
        def buy(it, buyer):
            it.step("buy", len, buyer["name"])

        def test_buy(slo):
            slo(buy)
        """
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        ["*rows used up: its rows ended after 140 samples, before its limits were decided*"]
    )
