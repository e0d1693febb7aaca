"""Requests of one route have one name, whoever they are about."""

import pytest

from tailguard.http.recorded.routes import MOST_ROUTES, OTHER, Routes, route_of


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/users/17", "GET /users/{id}"),
        ("/users/17/orders?page=2&token=abc", "GET /users/{id}/orders"),
        ("/u/0b5b1e9a-6f0e-4c7a-9f7e-0a1b2c3d4e5f", "GET /u/{id}"),
        ("/commit/deadbeef01", "GET /commit/{id}"),
        ("/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx", "GET /reset/{id}"),
        ("/user/me@example.org", "GET /user/{id}"),
        ("/api/v2/facade", "GET /api/v2/facade"),
        ("http://shop.example/cart/9", "GET /cart/{id}"),
        ("/", "GET /"),
    ],
)
def test_what_looks_like_somebodys_own_is_left_out(target: str, route: str) -> None:
    assert route_of(b"GET", target.encode()) == route


def test_shapes_beyond_the_limit_are_one() -> None:
    routes = Routes()
    numbers = [routes.number(f"GET /page-{letter}-x") for letter in map(chr, range(0x4E00, 0x4E00 + 300))]
    assert len({*numbers}) == MOST_ROUTES + 1
    assert routes.names[-1] == OTHER
