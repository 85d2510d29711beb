"""What both servers share: the header that says SIMULATED, the fault switches, JSON errors."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from llm_modules.errors import UserError
from llm_modules.sandbox.faults import Faults, ModelFaults, Switchboard

CONTROL_PREFIX = "/sandbox/"
FAULTS_PATH = CONTROL_PREFIX + "faults"
SIMULATED_HEADER = "X-Simulated"

# The JSON body of an error, from HTTP status and message: each server has its own shape.
ErrorBody = Callable[[int, str], dict[str, Any]]
Board = Switchboard[Faults] | Switchboard[ModelFaults]
# What goes wrong with the request at hand, for handlers that have faults of their own.
TAKEN = web.RequestKey("TAKEN", Faults)

_TOO_MANY_REQUESTS = 429
_PAGE = "<!doctype html><title>Simulated fault</title><p>Log in to the network first.</p>"
_DRIP_SECONDS = 0.1
_LARGEST_REQUEST_BYTES = 16 * 1024 * 1024


def simulated_app(board: Board, error_body: ErrorBody, *outer: Middleware) -> web.Application:
    """Return an application that marks every answer as simulated and obeys its switchboard.

    `outer` middlewares see a request before a fault can swallow it. The switches are read with
    GET, replaced with POST and cleared with DELETE on `/sandbox/faults`.
    """
    middlewares = [*outer, _fault_middleware(board, error_body)]
    app = web.Application(middlewares=middlewares, client_max_size=_LARGEST_REQUEST_BYTES)
    app.on_response_prepare.append(_mark_simulated)
    _add_fault_routes(app, board, error_body)
    return app


def add_not_found(app: web.Application, error_body: ErrorBody) -> None:
    """Answer every other path and method with a JSON 404; to be called after all routes."""

    async def not_found(request: web.Request) -> web.Response:
        message = f"Path {request.path}, Method {request.method} is invalid"
        return web.json_response(error_body(404, message), status=404)

    app.router.add_route("*", "/{tail:.*}", not_found)


async def _mark_simulated(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[SIMULATED_HEADER] = "true"


def _fault_middleware(board: Board, error_body: ErrorBody) -> Middleware:
    @web.middleware
    async def go_wrong(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A server that is told to be silent must still hear that it may speak again.
        if request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        faults = request[TAKEN] = board.take()
        await asyncio.sleep(faults.latency_seconds)
        if faults.silence:
            # Ends when the caller hangs up or the server stops: then the handler is cancelled.
            await asyncio.Event().wait()
        if faults.disconnect and request.transport is not None:
            request.transport.abort()
        if faults.status is not None:
            return _failure(faults, error_body(faults.status, "Simulated fault"))
        if faults.html:
            return web.Response(text=_PAGE, content_type="text/html")
        response = await handler(request)
        if faults.malformed:
            return _cut_off(response)
        return await _dripped(request, response) if faults.drip else response

    return go_wrong


def _failure(faults: Faults, body: dict[str, Any]) -> web.Response:
    limited = faults.status == _TOO_MANY_REQUESTS
    headers = {"Retry-After": str(faults.retry_after_seconds)} if limited else {}
    return web.json_response(body, status=faults.status or 500, headers=headers)


def _cut_off(response: web.StreamResponse) -> web.Response:
    """Return the first half of a body, as complete as far as HTTP is concerned."""
    whole = _body(response)
    half = whole[: len(whole) // 2]
    # A new response, because the old one's length header would betray the cut to the client.
    return web.Response(body=half, status=response.status, content_type="application/json")


async def _dripped(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Send a body byte by byte: no single read takes long, the whole takes minutes."""
    slow = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
    await slow.prepare(request)
    for byte in _body(response):
        await slow.write(bytes([byte]))
        await asyncio.sleep(_DRIP_SECONDS)
    return slow


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else b""
    return body if isinstance(body, bytes) else b""


def _add_fault_routes(app: web.Application, board: Board, error_body: ErrorBody) -> None:
    def state() -> web.Response:
        return web.json_response(board.faults.model_dump(mode="json"))

    async def read(_request: web.Request) -> web.Response:
        return state()

    async def replace(request: web.Request) -> web.Response:
        try:
            board.replace(await request.read())
        except UserError as error:
            return web.json_response(error_body(400, str(error)), status=400)
        return state()

    async def clear(_request: web.Request) -> web.Response:
        board.clear()
        return state()

    app.router.add_get(FAULTS_PATH, read)
    app.router.add_post(FAULTS_PATH, replace)
    app.router.add_delete(FAULTS_PATH, clear)
