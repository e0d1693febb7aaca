"""What a declared scenario's requests are made of, as a server gets them."""

import json
from pathlib import Path

import pytest

from tests.support.raw_play import GO, OK, Play
from tests.support.raw_server import Caller, answer, answering

pytestmark = pytest.mark.system


def test_a_request_has_the_headers_that_a_server_needs_and_no_length_without_a_body(play: Play) -> None:
    asked = play(answering(OK)).server.asked[0]
    assert asked.line == "GET / HTTP/1.1"
    assert asked.all("host")[0].startswith("127.0.0.1:")
    assert asked.all("accept-encoding") == ["identity"]
    assert asked.all("content-length") == []


def test_a_post_without_a_body_says_that_it_has_none(play: Play) -> None:
    assert play(answering(OK), GO + 'method = "POST"\n').server.asked[0].all("content-length") == ["0"]


def test_a_header_that_a_step_states_stands_in_place_of_ours_whatever_its_case(play: Play) -> None:
    text = (
        GO + 'headers = { host = "shop.example", ACCEPT-Encoding = "br", "content-type" = "a/b" }\n'
        'method = "POST"\nbody = 1\n'
    )
    asked = play(answering(OK), '[target]\nheaders = { Host = "other" }\n' + text).server.asked[0]
    assert asked.all("host") == ["shop.example"]
    assert asked.all("accept-encoding") == ["br"]
    assert asked.all("content-type") == ["a/b"]


def test_a_redirect_is_not_followed_and_its_place_can_be_asked_by_the_next_step(play: Play) -> None:
    def serve(caller: Caller) -> None:
        while (asked := caller.asked()) is not None:
            caller.say(answer(b"", "302 Found", "Location: /there?a=1") if asked.path == "/" else OK)

    assert {asked.path for asked in play(serve).server.asked} == {"/"}
    text = (
        GO + 'save = { next = "header.location" }\n[[scenario.go.steps]]\nname = "there"\npath = "{next}"\n'
    )
    seen = play(serve, text)
    assert seen.kinds == {}
    assert sorted(asked.path for asked in seen.server.asked) == ["/"] * 4 + ["/there?a=1"] * 4


def test_a_value_cannot_end_a_header_or_the_line_of_a_request(play: Play, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text('name\n"a\r\nX-Injected: 1"\n"b\nc"\n', encoding="utf-8")
    rows = '[rows.who]\nfile = "bad.csv"\nuse = "cycle"\n'
    seen = play(answering(OK), rows + GO + 'headers = { X-Name = "{who.name}" }\n')
    assert seen.kinds == {"UnsafeValueError": 4}
    assert seen.server.asked == []
    path = GO.replace('"/"', '"/{who.name}"') + 'query = { q = "{who.name}" }\n'
    asked = play(answering(OK), rows + path).server.asked
    assert {each.path for each in asked} == {
        "/a%0D%0AX-Injected%3A%201?q=a%0D%0AX-Injected%3A+1",
        "/b%0Ac?q=b%0Ac",
    }
    assert all(each.all("x-injected") == [] for each in asked)


def test_a_link_with_a_blank_in_it_is_not_sent(play: Play) -> None:
    bad = answer(json.dumps({"next": "/a HTTP/1.1\r\nX: y"}).encode())
    text = GO + 'save = { next = "json.next" }\n[[scenario.go.steps]]\nname = "there"\npath = "{next}"\n'
    seen = play(answering(bad), text)
    assert seen.kinds == {"UnsafeValueError": 4}
    assert {asked.path for asked in seen.server.asked} == {"/"}


def test_values_of_rows_and_answers_keep_their_types_in_json_and_are_quoted_elsewhere(
    play: Play, tmp_path: Path
) -> None:
    (tmp_path / "items.csv").write_text('id,name\n1,"Hüte & ""Co"""\n', encoding="utf-8")
    text = (
        '[rows.item]\nfile = "items.csv"\nuse = "cycle"\n' + GO + 'save = { cart = "json.id" }\n'
        '[[scenario.go.steps]]\nname = "pay"\nmethod = "POST"\npath = "/carts/{cart}/{item.name}"\n'
        'body = { id = "{item.id}", cart = "{cart}", text = "{item.name}: {cart}", list = ["{item.id}", true, 1.5] }\n'
        '[[scenario.go.steps]]\nname = "form"\nmethod = "POST"\npath = "/f"\nform = { "a b" = "{item.name}={cart}" }\n'
        '[[scenario.go.steps]]\nname = "raw"\nmethod = "PUT"\npath = "/r"\nraw = "{item.name}"\n'
    )
    seen = play(answering(OK), text, 1)
    assert seen.kinds == {}
    _, pay, form, raw = seen.server.asked
    assert pay.path == "/carts/7/H%C3%BCte%20%26%20%22Co%22"
    assert json.loads(pay.body) == {"id": 1, "cart": 7, "text": 'Hüte & "Co": 7', "list": [1, True, 1.5]}
    assert form.body == b"a+b=H%C3%BCte+%26+%22Co%22%3D7"
    assert raw.body == 'Hüte & "Co"'.encode()
    assert pay.all("content-length") == [str(len(pay.body))]


def test_cookies_of_an_answer_go_with_the_later_requests_of_the_iteration_alone(play: Play) -> None:
    def serve(caller: Caller) -> None:
        while (asked := caller.asked()) is not None:
            set_cookie = ["set-COOKIE: a=1; Path=/", "Set-Cookie: b=2; Path=/"] if asked.path == "/" else []
            caller.say(answer(b"", "200 OK", *set_cookie))

    text = GO + '[[scenario.go.steps]]\nname = "then"\npath = "/then"\n'
    seen = play(serve, text)
    assert seen.kinds == {}
    assert {asked.path: asked.all("cookie") for asked in seen.server.asked} == {
        "/": [],
        "/then": ["a=1; b=2"],
    }


def test_the_text_of_a_refusal_is_looked_for_in_the_whole_body(play: Play) -> None:
    full = answer(b"x" * 100_000 + b" already sold", "400 Bad Request")
    seen = play(answering(full), GO + 'refusals = { "400 already sold" = "" }\n')
    counts = seen.played.of["go"].samples
    assert (counts.outcome == 1).sum() == 4
