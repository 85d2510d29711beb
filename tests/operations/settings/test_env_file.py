import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_modules.errors import ConfigError
from llm_modules.operations.settings.env_file import (
    GENERATED,
    completed,
    effective_environment,
    ensure_env_file,
    fresh_secret,
    quoted,
    read_env_file,
    variables_in,
    with_variables,
    write_private,
)
from llm_modules.operations.settings.reading import environment_settings, value_at


def written(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=value", "value"),
        ("  NAME = value  ", "value"),
        ("export NAME=value", "value"),
        ("NAME=", ""),
        ("NAME=value # a comment", "value"),
        ("NAME=sk-a#b", "sk-a#b"),
        ("NAME='two words # no comment'", "two words # no comment"),
        ("NAME='$HOME \\n'", "$HOME \\n"),
        ('NAME="a\\nb \\"c\\""', 'a\nb "c"'),
        ('NAME="a" # a comment', "a"),
        ("NAME=$HOME", "$HOME"),
    ],
)
def test_a_line_is_read_as_compose_reads_it(tmp_path: Path, line: str, value: str) -> None:
    assert read_env_file(written(tmp_path, f"# heading\n\n{line}\n")) == {"NAME": value}


def test_the_last_of_two_equal_names_counts(tmp_path: Path) -> None:
    assert read_env_file(written(tmp_path, "A=1\nA=2\n")) == {"A": "2"}


@pytest.mark.parametrize("line", ["canary", "1NAME=canary", "NAME='canary", 'NAME="canary" canary'])
def test_a_wrong_line_is_named_by_number_and_never_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="line 2") as caught:
        read_env_file(written(tmp_path, f"A=1\n{line}\n"))
    assert "canary" not in str(caught.value)


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigError, match="directory"):
        read_env_file(tmp_path / ".env")


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_env_file(path)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "A=file\nB=file\n")
    assert effective_environment(path, {"A": "outside"}) == {"A": "outside", "B": "file"}


def test_empty_freqtrade_variables_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "FREQTRADE__EXCHANGE__KEY=\nOTHER=\n")
    assert effective_environment(path, {"FREQTRADE__DRY_RUN": ""}) == {"OTHER": ""}


def test_a_new_file_holds_three_different_secrets_and_places_for_keys() -> None:
    text = completed("")
    values = [line.partition("=")[2] for line in text.splitlines() if line.startswith("FREQ")]
    assert len(values) == len(set(values)) == 3
    assert all(len(value) >= 64 for value in values)
    assert "# LLM_API_KEY=\n" in text


def test_a_key_the_user_put_there_before_stays() -> None:
    assert completed("LLM_API_KEY=canary\n").startswith("LLM_API_KEY=canary\n")


def test_an_empty_secret_is_filled_in_its_own_line() -> None:
    lines = completed(f"{GENERATED[0]}=\n{GENERATED[1]}=mine\n# end\n").splitlines()
    assert lines[0].startswith(f"{GENERATED[0]}=k")
    assert lines[1:3] == [f"{GENERATED[1]}=mine", "# end"]
    assert lines[3].startswith(f"{GENERATED[2]}=k")


def test_a_complete_file_is_left_as_it_is() -> None:
    text = "".join(f"{name}=mine\n" for name in GENERATED)
    assert completed(text) == text


def test_a_generated_secret_stays_text_for_freqtrade() -> None:
    secret = fresh_secret()
    settings = environment_settings({"FREQTRADE__API_SERVER__WS_TOKEN": secret})
    assert value_at(settings, "api_server.ws_token") == secret


def test_ensuring_creates_a_file_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert ensure_env_file(path) is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(read_env_file(path)) == set(GENERATED)


def test_ensuring_closes_an_open_file_and_keeps_what_it_says(tmp_path: Path) -> None:
    path = written(tmp_path, "".join(f"{name}=mine\n" for name in GENERATED))
    path.chmod(0o644)
    assert ensure_env_file(path) is False
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_env_file(path)[GENERATED[0]] == "mine"


def test_a_variable_goes_into_its_commented_place() -> None:
    assert with_variables("# LLM_API_KEY=\nB=1\n", {"LLM_API_KEY": "x"}) == "LLM_API_KEY=x\nB=1\n"


def test_a_variable_without_a_place_is_appended_on_a_line_of_its_own() -> None:
    assert with_variables("B=1", {"LLM_API_KEY": "x"}) == "B=1\nLLM_API_KEY=x\n"


def test_a_comment_that_only_mentions_the_name_is_no_place() -> None:
    text = "# LLM_API_KEY= is the key of the model\n"
    assert with_variables(text, {"LLM_API_KEY": "x"}) == f"{text}LLM_API_KEY=x\n"


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_every_printable_value_comes_back_or_is_refused_by_name(value: str) -> None:
    if (set(value) & set("$\\") and "'" in value) or "\\" in value:
        with pytest.raises(ConfigError, match="NAME: the value"):
            quoted("NAME", value)
    elif value.isprintable():
        assert parsed(f"NAME={quoted('NAME', value)}") == value


@pytest.mark.parametrize("value", ["plain", "two words", "it's", "$5 'x", "a\nb", "-----\nA+/=\n"])
def test_usual_values_can_be_written(value: str) -> None:
    if "$" in value and "'" in value:
        with pytest.raises(ConfigError, match="by hand"):
            quoted("NAME", value)
    else:
        assert parsed(f"NAME={quoted('NAME', value)}") == value


def parsed(line: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return read_env_file(written(Path(folder), f"{line}\n"))["NAME"]


def test_a_private_file_replaces_an_open_one_in_one_step(tmp_path: Path) -> None:
    path = written(tmp_path, "old")
    path.chmod(0o644)
    (tmp_path / ".env.new").write_text("left by a crash", encoding="utf-8")
    write_private(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == [".env"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "A=new\n"),
        ("B=1\n", "B=1\nA=new\n"),
        ("# A=\nB=1\n", "A=new\nB=1\n"),
        ("A=old\nB=1\n", "A=new\nB=1\n"),
        ("A=old # why\nB=1\n", "A=new\nB=1\n"),
        ("A=\nB=1\n", "A=new\nB=1\n"),
        ("  export A = 'old'\r\nB=1\r\n", "A=new\r\nB=1\r\n"),
        ("# A=\nA=old\n", "# A=\nA=new\n"),
        ("A=first\nA=second\n", "A=first\nA=new\n"),
        ("AA=1\n", "AA=1\nA=new\n"),
    ],
)
def test_a_variable_is_set_in_the_line_that_counts(before: str, after: str) -> None:
    text = with_variables(before, {"A": "new"})
    assert text == after
    assert variables_in(text, ".env")["A"] == "new"


def test_a_variable_may_be_emptied() -> None:
    assert with_variables("A=old\nB=1\n", {"A": ""}) == "A=\nB=1\n"


TWICE = "FREQTRADE__FREQTRADE__DRY_RUN"


@pytest.mark.parametrize("name", [TWICE, "FREQTRADE__DRY_FREQTRADE__RUN"])
def test_a_name_that_freqtrade_reads_as_another_is_refused_wherever_it_comes_from(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / ".env"
    with pytest.raises(ConfigError, match=f"the variable {name} holds FREQTRADE__ more than once"):
        effective_environment(path, {name: "false"})
    path.write_text(f"{name}=false\n")
    with pytest.raises(ConfigError, match=name):
        effective_environment(path, {})
    with pytest.raises(ConfigError, match=name):
        environment_settings({name: "false"})
    assert effective_environment(tmp_path / "none", {f"MY_{TWICE}": "x"}) == {f"MY_{TWICE}": "x"}


def test_a_link_stays_one_and_the_file_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = written(tmp_path / "elsewhere", "old")
    link = tmp_path / ".env"
    link.symlink_to(real)
    write_private(link, "new")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new"
