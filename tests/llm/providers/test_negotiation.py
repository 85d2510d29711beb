"""What a server refuses is found out by its words, or without them, in few requests."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_modules.llm.providers.negotiation import ENOUGH, MOST_REQUESTS
from llm_modules.llm.providers.row import ModelRule, Provider
from picky_server import Body, PickyServer, refusing
from probes import REFUSED, SPEECHLESS, TOOLS, UNDERSTOOD, WITHOUT, capabilities, faulted, found


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_by_name_costs_one_more_request(name: str, status: int) -> None:
    make, message = REFUSED[name]
    server = PickyServer(refusals=[make(message)], refused_with=status)
    finding = found(server)
    assert capabilities(finding) == UNDERSTOOD | {name: WITHOUT[name]}
    assert finding.tools == dict.fromkeys(TOOLS, "")
    assert finding.requests == 9


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_without_a_name_is_found_all_the_same(name: str) -> None:
    make, _ = REFUSED[name]
    finding = found(PickyServer(refusals=[make(SPEECHLESS)]))
    assert capabilities(finding) == UNDERSTOOD | {name: WITHOUT[name]}
    assert finding.tools == dict.fromkeys(TOOLS, "")
    assert finding.requests <= MOST_REQUESTS


@settings(max_examples=12, deadline=None)
@example(names=set(REFUSED), speaks=False)
@example(names=set(REFUSED), speaks=True)
@given(
    names=st.sets(st.sampled_from(sorted(REFUSED))),
    speaks=st.booleans(),
)
def test_any_mixture_of_refusals_is_found_within_the_requests(
    names: set[str], speaks: bool
) -> None:
    refusals = [REFUSED[name][0](REFUSED[name][1] if speaks else SPEECHLESS) for name in names]
    finding = found(PickyServer(refusals=refusals))
    assert capabilities(finding) == UNDERSTOOD | {name: WITHOUT[name] for name in names}
    assert finding.tools == dict.fromkeys(TOOLS, "")
    assert finding.requests <= MOST_REQUESTS


def test_a_misleading_refusal_switches_nothing_off_for_good() -> None:
    """It speaks of the schema, and means the forced call."""
    make, _ = REFUSED["forced_call"]
    finding = found(PickyServer(refusals=[make("the schema of tools does not fit")]))
    assert capabilities(finding) == UNDERSTOOD | {"forced_call": False}


def test_who_refuses_strict_schemas_of_one_tool_only_is_asked_without() -> None:
    def refuse(body: Body) -> str | None:
        named = {tool["function"]["name"] for tool in body.get("tools", ())}
        strict = any(tool["function"].get("strict") for tool in body.get("tools", ()))
        return SPEECHLESS if strict and "adjust_position" in named else None

    finding = found(PickyServer(refusals=[refuse]))
    assert capabilities(finding) == UNDERSTOOD | {"strict_tools": False}
    assert finding.tools == dict.fromkeys(TOOLS, "")


def test_a_refused_plain_question_ends_the_probe_with_the_servers_words() -> None:
    server = PickyServer(refusals=[lambda _: "The model `test-model` does not exist"])
    error = faulted(server)
    assert error.fault == "rejected"
    assert "does not exist" in str(error)
    # As it is, then without each of two, then without both.
    assert len(server.requests) == 4


def test_a_server_without_tools_still_answers_in_words() -> None:
    server = PickyServer(refusals=[refusing("tools", "this model has no support for functions")])
    finding = found(server)
    assert set(finding.tools) == TOOLS
    assert all("no support for functions" in text for text in finding.tools.values())
    assert finding.answers_text
    assert finding.several_problem == "not asked"
    assert finding.requests == 1 + 2 * 6


def test_refusals_without_end_are_not_followed_without_end() -> None:
    """It names one thing after the other, and is never content."""
    names = iter(["temperature", "max_tokens"] + ["temperature"] * 20)

    def moody(body: Body) -> str | None:
        if "tools" in body:
            return f"no {next(turns)}"
        return f"no {next(names)}" if len(server.requests) < 5 else None

    turns = iter(["parallel_tool_calls", "tool_choice", "strict", "nothing"] * 20)
    server = PickyServer(refusals=[moody])
    finding = found(server)
    assert len(server.requests) == finding.requests == MOST_REQUESTS
    assert finding.tools["signal_hold"] == f"rejected: {ENOUGH}"


def test_a_preset_is_asked_as_its_row_says_for_the_model() -> None:
    rules = (ModelRule(("test-*",), {"forced_call": False}),)
    row = Provider("preset", parallel_switch=False, temperature=False, rules=rules)
    server = PickyServer()
    finding = found(server, row)
    assert capabilities(finding) == WITHOUT | {"limit_field": "max_tokens"}
    assert {request.get("tool_choice") for request in server.requests} == {None, "auto"}
    assert not any("temperature" in request for request in server.requests)


def test_a_presets_rule_for_the_model_does_not_keep_what_is_refused() -> None:
    rules = (ModelRule(("test-*",), {"strict_tools": True}),)
    make, message = REFUSED["strict_tools"]
    server = PickyServer(refusals=[make(message)])
    finding = found(server, Provider("preset", rules=rules))
    assert capabilities(finding) == UNDERSTOOD | {"strict_tools": False}
    assert finding.requests == 9


def test_a_row_with_nothing_to_do_without_is_refused_once_per_question() -> None:
    row = Provider("preset", parallel_switch=False, temperature=False, forced_call=False)
    server = PickyServer(refusals=[refusing("tools", "no")])
    assert found(server, row).requests == 1 + 6
    server = PickyServer(refusals=[lambda _: "no"])
    faulted(server, row=row)
    # The other name of the limit is all there is to try.
    assert len(server.requests) == 2
