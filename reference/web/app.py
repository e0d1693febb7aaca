"""The platform as an ASGI application: routes, refusals, correlation ids, and the hub for WebSockets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reference.certificates import Metrics
from reference.platform import DeltaCrown
from reference.web import certificates, economy, health, matches, moderation, registrations, results, tokens
from reference.web.authentication import Authentication
from reference.web.correlation import CorrelationId
from reference.web.endpoint import Endpoint, response_of, to_json
from reference.web.openapi import document
from reference.web.operation import Operation
from reference.web.reader import LONGEST_INTEGER
from reference.web.refusal import refusal, refused_by_http, reply_to
from reference.web.throttle import Throttle

# Worker threads, and with them database connections in use at once. Two cores are busy with a few; 16 leave room for
# those that wait for a row lock, and stay far below PostgreSQL's 100 connections.
WORKERS = 16
API_VERSION = "1.0.0"  # of the routes, not of the project
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus' own text format

OPERATIONS: tuple[Operation, ...] = (
    *health.OPERATIONS,
    *tokens.OPERATIONS,
    *registrations.OPERATIONS,
    *results.OPERATIONS,
    *matches.OPERATIONS,
    *certificates.OPERATIONS,
    *economy.OPERATIONS,
    *moderation.OPERATIONS,
)


class _Integer(IntegerConvertor):
    regex = f"[0-9]{{1,{LONGEST_INTEGER}}}"


register_url_convertor("int", _Integer())


def create_app(
    platform: DeltaCrown,
    *,
    throttle: Throttle | None = None,
    metrics: Metrics | None = None,
) -> ASGIApp:
    """The app. It stops its own threads at the end of its lifespan; the platform is the caller's to close.

    With `metrics`, GET /metrics shows them to Prometheus.
    """
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="deltacrown-web")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        platform.hub.attach(asyncio.get_running_loop())
        yield {"hub": platform.hub}
        pool.shutdown()

    throttle = throttle or Throttle({})
    authenticate = Authentication(platform.tokens, platform.database)

    def route(operation: Operation) -> Route:
        endpoint = Endpoint(operation, platform, workers=pool, throttle=throttle, authenticate=authenticate)
        return Route(operation.path, endpoint.serve, methods=[operation.method])

    routes = [*map(route, OPERATIONS), Route("/openapi.json", _openapi, methods=["GET"])]
    if metrics is not None:
        routes.append(Route("/metrics", lambda _: Response(metrics.exposition(), media_type=METRICS_TYPE)))
    app = Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _refused, Exception: _failed}
    )
    app.router.redirect_slashes = (
        False  # a POST without its slash is a 404, not a redirect that drops the body
    )
    return CorrelationId(app)


async def _openapi(_: Request) -> Response:
    body = to_json(document(OPERATIONS, API_VERSION))
    return Response(body, media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    error_text = HTTPStatus(error.status_code).phrase.lower()
    reply = refusal(refused_by_http(error.status_code, error_text))
    return response_of(replace(reply, headers={**reply.headers, **(error.headers or {})}))


async def _failed(request: Request, error: Exception) -> Response:
    return response_of(reply_to(error, request.state.correlation_id))
