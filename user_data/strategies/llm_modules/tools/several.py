"""A reply with one call for each of several pairs becomes validated calls, pair by pair."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from llm_modules.dialogue import Reply, ToolRequest, ToolSpec
from llm_modules.errors import ModelError
from llm_modules.tools.calls import ToolCall
from llm_modules.tools.parse import decoded, read_request, refuse_cut_off

ADDING_TOOLS = frozenset({"signal_entry_long", "signal_entry_short", "adjust_position"})
Offers = Mapping[str, tuple[ToolSpec, ...]]


@dataclass(frozen=True, slots=True)
class Calls:
    """What a reply held: the valid call of a pair, or what was wrong with it.

    `strays` are problems of calls that belong to no pair that was asked about.
    """

    by_pair: dict[str, ToolCall] = field(default_factory=dict)
    problems: dict[str, tuple[str, ...]] = field(default_factory=dict)
    strays: tuple[str, ...] = ()


def read_calls(reply: Reply, offers: Offers) -> Calls:
    """Read one call per pair of `offers`, each against the tools that its pair was offered.

    What is wrong with one pair's call costs that pair alone; beside a call that cannot be read at
    all, nothing that adds is used. An answer that was cut off, or whose calls cannot be told apart,
    is of no use for any.
    """
    try:
        _refuse_unusable(reply)
    except ModelError as error:
        return Calls(problems=dict.fromkeys(offers, error.problems))
    claimed, unread, strays = _by_claimed_pair(reply.tool_requests, offers)
    calls = Calls(strays=(*unread, *strays))
    for pair, tools in offers.items():
        try:
            request = _only(claimed[pair], pair)
            if unread:
                _refuse_adding(request)
            calls.by_pair[pair] = read_request(request, pair, tools)
        except ModelError as error:
            calls.problems[pair] = error.problems
    return calls


def _refuse_unusable(reply: Reply) -> None:
    refuse_cut_off(reply)
    ids = [request.call_id for request in reply.tool_requests]
    if len(set(ids)) != len(ids):
        raise ModelError(("the ids of your calls are not distinct; nothing was done",))


def _by_claimed_pair(
    requests: tuple[ToolRequest, ...], offers: Offers
) -> tuple[Mapping[str, list[ToolRequest]], list[str], list[str]]:
    """Sort requests by the pair they name.

    The problems of those that cannot be read, and of those that name none of them, come apart.
    """
    claimed: defaultdict[str, list[ToolRequest]] = defaultdict(list)
    unread: list[str] = []
    strays: list[str] = []
    for request in requests:
        try:
            pair = decoded(request.arguments).get("pair")
        except ModelError as error:
            unread += error.problems
            continue
        if isinstance(pair, str) and pair in offers:
            claimed[pair].append(request)
        else:
            strays.append(f"pair: a call is about none of {', '.join(offers)}")
    return claimed, unread, strays


def _refuse_adding(request: ToolRequest) -> None:
    """Raise ModelError where a call that cannot be read may have said the opposite."""
    if request.name in ADDING_TOOLS:
        raise ModelError(("another call could not be read, so this one was not used",))


def _only(requests: list[ToolRequest], pair: str) -> ToolRequest:
    """Return the one request about a pair. Raises ModelError when there is none, or several."""
    if not requests:
        raise ModelError((f"you called no tool for {pair}",))
    if len(requests) > 1:
        raise ModelError((f"you called {len(requests)} tools for {pair}; nothing was done there",))
    return requests[0]
