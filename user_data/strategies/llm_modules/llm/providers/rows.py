"""The rows of the capability table: a new provider is one more, and nothing else."""

from llm_modules.llm.providers.row import ModelRule, Provider
from llm_modules.llm.providers.strict import ANTHROPIC_STRICT
from llm_modules.llm.providers.usage import UsageFields

GENERIC = Provider(
    "compatible",
    quirks=(
        "any other server that speaks chat completions; ./manage.sh doctor finds out what it can",
    ),
)
OPENAI = Provider(
    "openai",
    api_base="https://api.openai.com/v1",
    key_variable="OPENAI_API_KEY",
    strict_tools=True,
    limit_field="max_completion_tokens",
    reasoning_fields=(),
    cache="automatic",
    cache_key=True,
    rules=(
        ModelRule(("o[1-9]*",), {"temperature": False, "parallel_switch": False}),
        ModelRule(("gpt-[5-9]*",), {"temperature": False}),
        ModelRule(("gpt-5.[5-9]*", "gpt-[6-9]*"), {"extra": {"reasoning_effort": "none"}}),
    ),
    quirks=(
        "reasoning models refuse a temperature, and tell how many tokens they reasoned, not what",
        "from gpt-5.5 on, tools are refused together with reasoning: it is switched off",
    ),
    source="API reference: Create chat completion; guides: Function calling, Prompt caching",
)
DEEPSEEK = Provider(
    "deepseek",
    api_base="https://api.deepseek.com",
    key_variable="DEEPSEEK_API_KEY",
    parallel_switch=False,
    reasoning_fields=("reasoning_content",),
    usage=UsageFields(cached="prompt_cache_hit_tokens", cache_write=""),
    cache="automatic",
    extra={"thinking": {"type": "disabled"}},
    quirks=(
        "thinks unless told not to, and then refuses a forced tool call: thinking is switched off",
        "ignores max_completion_tokens without a word",
        "strict schemas exist only at its beta address, for a smaller subset: not used",
    ),
    source="API Docs: Create Chat Completion; guides: Thinking Mode, Tool Calls, Context Caching",
)
QWEN = Provider(
    "qwen",
    api_base="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    also_at=(
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
    ),
    key_variable="DASHSCOPE_API_KEY",
    reasoning_fields=("reasoning_content",),
    usage=UsageFields(cache_write="prompt_tokens_details.cache_creation_input_tokens"),
    cache="automatic",
    extra={"enable_thinking": False},
    rules=(
        ModelRule(("qwen3-coder*",), {"forced_call": False}),
        ModelRule(("*-thinking*", "qwq*"), {"forced_call": False, "extra": {}}),
    ),
    quirks=(
        "a key belongs to one region: Singapore, Beijing and Virginia have addresses of their own",
        "a forced tool call is refused while thinking: thinking is switched off",
        "models that always think may answer only as a stream: not usable here",
    ),
    source="Model Studio: OpenAI compatible - Chat; Deep thinking; Context cache",
)
OLLAMA = Provider(
    "ollama",
    api_base="http://localhost:11434/v1",
    also_at=("http://127.0.0.1:11434/v1", "https://ollama.com/v1"),
    key_variable="OLLAMA_API_KEY",
    forced_call=False,
    parallel_switch=False,
    reasoning_fields=("reasoning",),
    cache="automatic",
    quirks=(
        "cuts prompts to its context length without a word: set OLLAMA_CONTEXT_LENGTH=16384",
        "strict schemas and a forced tool call are ignored: an answer without a call is asked anew",
        "only models of its Tools category can call any",
    ),
    source="Ollama documentation: OpenAI compatibility; Context length; Tool support",
)
VLLM = Provider(
    "vllm",
    cache="automatic",
    rules=(ModelRule(("*gpt-oss*",), {"forced_call": False}),),
    quirks=(
        "start it with --enable-auto-tool-choice and --tool-call-parser, else tools are refused",
        "tells what its cache served only with --enable-prompt-tokens-details",
        "reasoning stands apart only with --reasoning-parser, in either field by version",
    ),
    source="vLLM documentation: OpenAI-Compatible Server; Tool Calling; Reasoning Outputs",
)
OPENROUTER = Provider(
    "openrouter",
    api_base="https://openrouter.ai/api/v1",
    key_variable="OPENROUTER_API_KEY",
    parallel_switch=False,
    reasoning_fields=("reasoning", "reasoning_details"),
    usage=UsageFields(cost="cost"),
    cache="automatic",
    extra={"provider": {"require_parameters": True}},
    rules=(
        ModelRule(("openai/o[1-9]*", "openai/gpt-[5-9]*"), {"temperature": False}),
        ModelRule(("anthropic/*",), {"temperature": False, "cache": "marked"}),
        ModelRule(("anthropic/claude-*-5*",), {"forced_call": False}),
    ),
    quirks=(
        "routes only to hosts that understand everything sent, so nothing is sent needlessly",
        "an error can come with HTTP 200 in place of an answer, and 402 means no credit",
        "tells what a request cost, in US dollars",
    ),
    source="OpenRouter documentation: API Reference; Usage Accounting; Provider Routing; Errors",
)
ANTHROPIC = Provider(
    "anthropic",
    api_base="https://api.anthropic.com",
    key_variable="ANTHROPIC_API_KEY",
    dialect="messages",
    strict_tools=True,
    strict_subset=ANTHROPIC_STRICT,
    temperature=False,
    reasoning_fields=("thinking", "redacted_thinking"),
    usage=UsageFields(
        prompt="input_tokens",
        completion="output_tokens",
        cached="cache_read_input_tokens",
        cache_write="cache_creation_input_tokens",
        reasoning="output_tokens_details.thinking_tokens",
        cache_apart=True,
    ),
    cache="marked",
    rules=(
        ModelRule(
            (
                "claude-opus-5-5*",
                "claude-sonnet-5-5*",
                "claude-fable-5-[1-9]*",
                "claude-mythos-5-[1-9]*",
            ),
            {"forced_call": False},
        ),
    ),
    quirks=(
        "needs the library anthropic: ./manage.sh start installs it once the provider is named",
        "takes no temperature",
        "the newest models always think, within max_tokens, and refuse a forced tool call",
    ),
    source="Claude Platform Docs: Messages API; Tool use; Strict tool use; Prompt caching",
)
ROWS = (GENERIC, OPENAI, DEEPSEEK, QWEN, OLLAMA, VLLM, OPENROUTER, ANTHROPIC)
