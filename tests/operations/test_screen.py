"""What is written for programs leaves a terminal alone, and is the same JSON."""

import json

import pytest

from llm_modules.operations.screen import Screen


def test_json_holds_nothing_that_plays_tricks_with_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {"text": "été 毕 \x7f\x85\x9b31m\u200b\u202e\u2028\u2066\ufeff\U000e0041\ud800"}
    Screen().raw(json.dumps(told, ensure_ascii=False, indent=1))
    written = capsys.readouterr().out
    assert json.loads(written) == told
    assert "été 毕" in written
    assert written.replace("\n", "").isprintable()
