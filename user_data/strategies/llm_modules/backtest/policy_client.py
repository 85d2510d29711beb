"""The sandbox's scripted policy asked as a model is, without a server: a program, no mind."""

import json

from llm_modules.dialogue import Expense, Inquiry, Prompt, Reply, ToolRequest, Usage
from llm_modules.engine.startup import utc_now
from llm_modules.sandbox.policy import decide, read_all_facts

POLICY_MODEL = "scripted-policy"


class PolicyClient:
    """Answers at once from what stands in the prompt; takes no tokens."""

    async def ask(
        self, prompt: Prompt, inquiry: Inquiry | None = None, *, model: str | None = None
    ) -> Reply:
        """Return the policy's calls, one for each pair that is asked about."""
        offered = frozenset(tool.name for tool in prompt.tools)
        facts = read_all_facts([prompt.messages[-1].content])
        calls = [call for one in facts if (call := decide(offered, one)) is not None]
        requests = tuple(
            ToolRequest(f"call-{place}", call.tool, json.dumps(call.arguments))
            for place, call in enumerate(calls)
        )
        named, usage = model or POLICY_MODEL, Usage(0, 0)
        if inquiry is not None:
            inquiry.expenses.append(Expense(utc_now(), "", named, 0.0, usage, cost=0.0))
        return Reply("", requests, "tool_calls", named, usage)

    async def close(self) -> None:
        """Hold nothing."""
