"""The shop of docs/examples/shop.toml, served on a port of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tailguard.base.ports import free_port

PASSWORD = "open sesame"
SOLD_OUT_EVERY = 20


@dataclass
class Shop:
    """What it has seen; `behind` are the listeners of prices."""

    carts: dict[int, str] = field(default_factory=dict)
    coupons: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    buyers: list[str] = field(default_factory=list)
    log_ins: int = 0
    load_tests: set[str] = field(default_factory=set)
    listeners: set[WebSocket] = field(default_factory=set)

    async def health(self, _: Request) -> Response:
        return PlainTextResponse("ok")

    async def login(self, request: Request) -> Response:
        given = await request.json()
        if given["password"] != PASSWORD:
            return JSONResponse({"error": "wrong password"}, 401)
        self.log_ins += 1
        return JSONResponse({"token": f"token-of-{given['name']}"})

    async def items(self, request: Request) -> Response:
        limit = int(request.query_params["limit"])
        return JSONResponse({"limit": limit, "items": [{"sku": request.query_params["q"]}] * limit})

    async def item(self, request: Request) -> Response:
        return JSONResponse({"sku": request.path_params["sku"]})

    async def cart(self, request: Request) -> Response:
        given, number = await request.json(), len(self.carts) + 1
        self.carts[number] = given["sku"]
        self.keys.append(request.headers["Idempotency-Key"])
        self.buyers.append(request.headers["Authorization"])
        self.load_tests.add(request.headers["X-Load-Test"])
        head = {"Location": f"/carts/{number}/receipt?lang=en"}
        return JSONResponse({"id": number, "discount": number % 2 == 0}, 201, head)

    async def coupon(self, request: Request) -> Response:
        self.coupons.add(parse_qs((await request.body()).decode())["code"][0])
        return JSONResponse({})

    async def pay(self, request: Request) -> Response:
        number = request.path_params["cart"]
        if number % SOLD_OUT_EVERY == 0:
            return JSONResponse({"error": "sold out"}, 409)
        return JSONResponse({"state": "paid", "sku": self.carts[number]})

    async def receipt(self, request: Request) -> Response:
        return PlainTextResponse(f"Thank you, {request.query_params['lang']}")

    async def price(self, request: Request) -> Response:
        event = {"type": "price", "data": {"sku": request.path_params["sku"]}}
        await asyncio.gather(*(each.send_json(event) for each in self.listeners))
        return JSONResponse({})

    async def support(self, socket: WebSocket) -> None:
        if not socket.query_params["token"].startswith("token-of-"):
            await socket.close(4401)
            return
        await socket.accept()
        await socket.send_json({"type": "welcome", "room": "r-1"})
        try:
            while True:
                asked = await socket.receive_json()
                await socket.send_json({"type": "typing"})
                await socket.send_json({"type": "answer", "id": asked["id"]})
        except WebSocketDisconnect:
            return

    async def prices(self, socket: WebSocket) -> None:
        await socket.accept()
        self.listeners.add(socket)
        await socket.send_json({"type": "welcome"})
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            self.listeners.discard(socket)

    def app(self) -> Starlette:
        """The ASGI app."""
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/login", self.login, methods=["POST"]),
                Route("/items", self.items),
                Route("/items/{sku}", self.item),
                Route("/items/{sku}/price", self.price, methods=["PUT"]),
                Route("/carts", self.cart, methods=["POST"]),
                Route("/carts/{cart:int}/coupon", self.coupon, methods=["POST"]),
                Route("/carts/{cart:int}/pay", self.pay, methods=["POST"]),
                Route("/carts/{cart:int}/receipt", self.receipt),
                WebSocketRoute("/ws/support", self.support),
                WebSocketRoute("/ws/prices", self.prices),
            ]
        )


@contextmanager
def served_shop() -> Iterator[tuple[str, Shop]]:
    """Serve a new shop; yields its address and itself."""
    shop, port = Shop(), free_port()
    server = uvicorn.Server(uvicorn.Config(shop.app(), port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{port}", shop
    finally:
        server.should_exit = True
        thread.join(60)
