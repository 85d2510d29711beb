"""The scripted model behind an OpenAI-shaped HTTP endpoint."""

import itertools
import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from llm_modules.errors import UserError
from llm_modules.sandbox.chat import (
    MODEL_NAME,
    ChatRequest,
    PrefixCache,
    Turn,
    completion,
    parse_chat,
    turn_of_answer,
    turn_of_calls,
    turn_of_text,
    usage,
)
from llm_modules.sandbox.faults import ModelFaults, Switchboard, take_answer
from llm_modules.sandbox.policy import decide, read_all_facts
from llm_modules.sandbox.simulated import CONTROL_PREFIX, TAKEN, add_not_found, simulated_app

MODEL_PREFIX = "/v1"
REQUESTS_PATH = CONTROL_PREFIX + "requests"
# What a provider that swaps models would answer with.
OTHER_MODEL_NAME = "another-sandbox"
# The answer to whoever offers no tools, as the bot does to have a lesson worded.
WORDS = "Scripted sandbox model: wait until the price has confirmed the direction."
CHINESE_WORDS = "脚本模型建议，等价格确认方向之后再开仓。"  # noqa: RUF001

_CHINESE = re.compile("[\u4e00-\u9fff]")
_REQUESTS_KEPT = 200
# OpenAI's own error types, by the HTTP status of a simulated fault.
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}


def model_app(board: Switchboard[ModelFaults], clock: Callable[[], int]) -> web.Application:
    """Return the model as an aiohttp application; `clock` gives milliseconds since the epoch."""
    bodies: deque[str] = deque(maxlen=_REQUESTS_KEPT)
    # Remembered before faults apply: a test of a failing model wants to see what was asked.
    app = simulated_app(board, _error_body, _remember(bodies))
    model = _ScriptedModel(board, clock)
    for prefix in (MODEL_PREFIX, ""):
        app.router.add_post(f"{prefix}/chat/completions", model.complete)
        app.router.add_get(f"{prefix}/models", model.list_models)
    app.router.add_get(REQUESTS_PATH, _remembered(bodies))
    add_not_found(app, _error_body)
    return app


class _ScriptedModel:
    """The two endpoints; they keep the number of the next answer, and what was last asked."""

    def __init__(self, board: Switchboard[ModelFaults], clock: Callable[[], int]) -> None:
        self._board = board
        self._clock = clock
        self._numbers = itertools.count(1)
        self._cache = PrefixCache()

    async def complete(self, request: web.Request) -> web.Response:
        """Answer a chat completion request with one tool call, or say what is wrong with it."""
        body = await request.read()
        try:
            turn, number = self._answer(parse_chat(body))
        except UserError as error:
            return web.json_response(_error_body(400, str(error)), status=400)
        answer = completion(
            turn,
            request_id=f"chatcmpl-sandbox-{number}",
            created=self._clock() // 1000,
            usage=usage(turn, len(body), self._cache.cached_tokens(body)),
        )
        return web.json_response(_spoiled(answer, cast("ModelFaults", request[TAKEN])))

    async def list_models(self, _request: web.Request) -> web.Response:
        """Answer the list of models: one."""
        model = {"id": MODEL_NAME, "object": "model", "created": 0, "owned_by": "sandbox"}
        return web.json_response({"object": "list", "data": [model]})

    def _answer(self, chat: ChatRequest) -> tuple[Turn, int]:
        """Return the scripted turn if a test set one, else the policy's, and its number."""
        # Counted even when the request is then refused, so that no id is given twice.
        number = next(self._numbers)
        pairs, call_id = read_all_facts(chat.user_messages), f"call_sandbox_{number}"
        scripted = take_answer(self._board, pairs[0].pair)
        if scripted is not None:
            return turn_of_answer(scripted, call_id), number
        if not chat.offered:
            is_chinese = _CHINESE.search(chat.messages[0].text()) is not None
            return turn_of_text(CHINESE_WORDS if is_chinese else WORDS), number
        calls = [call for facts in pairs if (call := decide(chat.offered, facts)) is not None]
        if not calls:
            raise UserError("offer the tool signal_wait (while flat) or signal_hold (in position)")
        return turn_of_calls(calls, call_id), number


def _spoiled(answer: dict[str, Any], faults: ModelFaults) -> dict[str, Any]:
    """Return an answer with what is missing or wrong in it on request."""
    if faults.error_200:
        return _error_body(500, "Simulated fault")
    changes: dict[str, Any] = {"model": OTHER_MODEL_NAME} if faults.wrong_model else {}
    kept = {name: part for name, part in answer.items() if name != "usage" or not faults.no_usage}
    return kept | changes


def _remember(bodies: deque[str]) -> Middleware:
    """Keep the bodies that are sent, without any header, also of requests that then fail."""

    @web.middleware
    async def remember(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and not request.path.startswith(CONTROL_PREFIX):
            bodies.append(await request.text())
        return await handler(request)

    return remember


def _remembered(bodies: deque[str]) -> Handler:
    async def list_requests(_request: web.Request) -> web.Response:
        return web.json_response([_as_json(body) for body in bodies])

    return list_requests


def _as_json(text: str) -> Any:
    """Return parsed JSON, or the text itself when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _error_body(status: int, message: str) -> dict[str, Any]:
    kind = _TYPES.get(status, "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
