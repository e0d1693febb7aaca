"""A platform shaped unlike the reference: other routes, forms, a session with CSRF, other statuses. Real HTTP."""

import json
import re
import threading
import time
import urllib.parse
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class State:
    def __init__(self):
        self.entries, self.results, self.files = set(), {}, {}
        self.balances = defaultdict(lambda: 100)
        self.most_requests = None  # after so many, 503 with a header: this platform's way of throttling
        self.requests = self.log_ins = 0
        self.session_s, self.entered_s = None, {}  # how long a log-in is good for, and when each player's was
        self.coins_s = 0.0  # what moving coins takes
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer_by(
            {
                "/alive": self.alive,
                "/moved": self.moved,
                "/enter": self.form,
                r"/scrolls/(\w+)": self.read_scroll,
                r"/raw/(\w+)": self.raw,
                r"/games/(\d+)": self.read_game,
            }
        )

    def do_POST(self):
        self.answer_by(
            {"/enter": self.enter, r"/cups/([\w-]+)/players": self.join, "/scrolls": self.keep_scroll}
        )

    def do_PUT(self):
        self.answer_by({r"/games/(\d+)/score": self.score, "/coins": self.move})

    def answer_by(self, routes):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        state = self.server.state
        with state.lock:
            state.requests += 1
            if state.most_requests is not None and state.requests > state.most_requests:
                return self.reply(503, {}, {"X-RateLimit-Reset": "17"})
        for pattern, serve in routes.items():
            if found := re.fullmatch(pattern, self.path.partition("?")[0]):
                return serve(*found.groups())
        return self.reply(404, {"oops": "no such place"}, {"X-Request-Id": "r-9"})

    def reply(self, status, body, headers=()):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def who(self):
        """The session's player, None where the session or its CSRF token is missing."""
        cookies = dict(
            part.split("=", 1) for part in (self.headers.get("Cookie") or "").split("; ") if "=" in part
        )
        state, player = self.server.state, cookies.get("seat")
        if state.session_s is not None and time.monotonic() > state.entered_s[player] + state.session_s:
            return None
        good = self.headers.get("X-Guard") == cookies.get("guard") and cookies.get("guard")
        return player if good or self.command == "GET" else None

    def alive(self):
        self.reply(200, {})

    def moved(self):
        self.reply(301, b"", {"Location": "https://elsewhere.example/"})

    def form(self):
        self.reply(200, b"<form/>", {"Set-Cookie": "guard=g1; Path=/"})

    def enter(self):
        fields = dict(urllib.parse.parse_qsl(self.body.decode()))
        if fields.get("guard") != "g1" or fields.get("pass") != "open sesame":
            return self.reply(403, {})
        with self.server.state.lock:
            self.server.state.log_ins += 1
            self.server.state.entered_s[fields["nick"]] = time.monotonic()
        return self.reply(200, {}, {"Set-Cookie": f"seat={fields['nick']}; Path=/"})

    def join(self, cup):
        player = self.who()
        if player is None:
            return self.reply(403, {})
        if (cup, player) in self.server.state.entries:
            return self.reply(422, {"problem": "already in this cup"})
        self.server.state.entries.add((cup, player))
        return self.reply(202, {"entry": {"n": 1}})

    def score(self, game):
        fields = dict(urllib.parse.parse_qsl(self.body.decode()))
        if self.who() is None:
            return self.reply(403, {})
        self.server.state.results[int(game)] = fields["home"], fields["away"]
        return self.reply(204, b"")

    def read_game(self, game):
        home, away = self.server.state.results[int(game)]
        sides = {"A": {"score": int(home)}, "B": {"score": int(away)}}
        return self.reply(200, {"sides": sides, "at": "2026-11-29T12:00:00Z"})

    def move(self):
        if self.who() is None:
            return self.reply(403, {})
        time.sleep(self.server.state.coins_s)
        asked, balances = json.loads(self.body), self.server.state.balances
        balances[asked["src"]] -= asked["coins"]
        balances[asked["dst"]] += asked["coins"]
        return self.reply(200, {})

    def keep_scroll(self):
        self.server.state.files["s1"] = self.body
        return self.reply(201, {"scroll": "s1"})

    def read_scroll(self, name):
        return self.reply(200, {"at": f"http://{self.headers['Host']}/raw/{name}?sig=1"})

    def raw(self, name):
        return self.reply(200, self.server.state.files[name])


@contextmanager
def other_platform():
    """Serve it; yields (host, state)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.state = True, State()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


MAPPING = """
[target]
health = "/alive"
throttled = [503]
[target.login]
kind = "session"
page = "/enter"
path = "/enter"
form = { nick = "{user.nick}", pass = "${OTHER_PASSWORD}" }
csrf_cookie = "guard"
csrf_field = "guard"
csrf_header = "X-Guard"
[target.pools.users]
generate = { id = "10..14", nick = "p{id}" }
[target.pools.tournaments]
file = "cups.csv"
[target.pools.matches]
file = "games.csv"
use = "once"
[target.pools.wallets]
generate = { id = "1..6" }
[target.pools.registrations]
generate = { id = "1..4" }
[target.steps.register]
method = "POST"
path = "/cups/{tournament.slug}/players"
expect = [202]
conflict = []
conflict_if = [{ status = 422, contains = "already in" }]
[target.steps.submit]
method = "PUT"
path = "/games/{match.id}/score"
form = { home = "{score1}", away = "{score2}" }
expect = [204]
[target.steps.transfer]
method = "PUT"
path = "/coins"
body = { src = "{from_wallet.id}", dst = "{to_wallet.id}", coins = "{amount}", once = "{key}" }
[target.steps.upload]
method = "POST"
path = "/scrolls"
expect = [201]
id = "scroll"
[target.steps.presigned_read]
method = "GET"
path = "/scrolls/{certificate}"
link = "at"
[target.absent]
feed = "this platform has no WebSocket"
"""


def write_mapping(folder, text=MAPPING):
    (folder / "cups.csv").write_text("id,slug\n7,spring-cup\n8,winter cup\n", encoding="utf-8")
    (folder / "games.csv").write_text("id,participant\n501,10\n502,11\n", encoding="utf-8")
    path = folder / "other.toml"
    path.write_text(text, encoding="utf-8")
    return path
