"""What a service sets by Set-Cookie is sent back within the iteration, by the same user and to nobody else."""

from http.client import HTTPMessage

import pytest

from tailguard.http.declared.cookies import Cookies

SHOP, CART = "http://127.0.0.1:8000", "http://127.0.0.1:8000/cart/1"


def answer(*lines: str) -> HTTPMessage:
    told = HTTPMessage()
    for line in lines:
        told["Set-Cookie"] = line
    return told


@pytest.fixture
def cookies() -> Cookies:
    return Cookies(SHOP)


def test_nothing_is_sent_before_something_was_set(cookies: Cookies) -> None:
    cookies.take("ada", CART, answer(), {})
    assert cookies.header("ada", CART) == {}


def test_what_was_set_is_sent_by_the_same_user_alone(cookies: Cookies) -> None:
    cookies.take("ada", CART, answer("cart=7; Path=/", "seen=yes; Path=/; HttpOnly"), {})
    assert cookies.header("ada", SHOP) == {"Cookie": "cart=7; seen=yes"}
    assert cookies.header("bob", SHOP) == {}


def test_another_path_another_server_and_plain_http_do_not_get_what_is_not_theirs(cookies: Cookies) -> None:
    cookies.take("ada", CART, answer("cart=7; Path=/cart", "safe=1; Path=/; Secure"), {})
    assert cookies.header("ada", f"{SHOP}/cart/2") == {"Cookie": "cart=7"}
    assert cookies.header("ada", f"{SHOP}/items") == {}
    assert cookies.header("ada", "http://elsewhere.example/cart/2") == {}


def test_what_is_taken_back_is_sent_no_more(cookies: Cookies) -> None:
    cookies.take("ada", CART, answer("cart=7; Path=/", "a=b; Path=/"), {})
    cookies.take("ada", CART, answer("cart=; Path=/; Max-Age=0"), {})
    assert cookies.header("ada", SHOP) == {"Cookie": "a=b"}


def test_those_of_the_log_in_stay_and_reach_no_other_server(cookies: Cookies) -> None:
    known = {"Cookie": "session=secret; lang=en"}
    cookies.take("ada", "http://elsewhere.example/x", answer("theirs=1; Path=/"), known)
    cookies.take("ada", CART, answer("lang=de; Path=/"), known)
    assert cookies.header("ada", "http://elsewhere.example/y") == {"Cookie": "theirs=1"}
    assert cookies.header("ada", CART) == {"Cookie": "session=secret; lang=de"}


def test_several_of_an_answer_under_locust_are_a_list(cookies: Cookies) -> None:
    cookies.take("ada", CART, {"Set-Cookie": ["a=1; Path=/", "b=2; Path=/"]}, {})  # type: ignore[dict-item]  # as geventhttpclient gives them
    assert cookies.header("ada", SHOP) == {"Cookie": "a=1; b=2"}
