from pathlib import Path
from string import Formatter

import pytest

import llm_modules
from llm_modules.phrases import Phrases

PACKAGE = Path(llm_modules.__file__).parent
FOLDERS = sorted(PACKAGE.glob("*/phrases"))


def gaps(sentence: str) -> list[str]:
    """The names that a sentence wants filled, each as often as it stands there."""
    return sorted(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)


def test_a_key_is_named_by_its_file_and_its_tables(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "lessons.toml").write_text('plain = "a"\n[side]\nlong = "{n:.0f} up"\n')
    phrases = Phrases(tmp_path, "en")
    assert list(phrases) == ["lessons.plain", "lessons.side.long"]
    assert phrases("lessons.side.long", n=2.4) == "2 up"
    assert phrases.sentence("lessons.side.long") == "{n:.0f} up"
    assert "lessons.plain" in phrases
    assert "lessons.none" not in phrases


@pytest.mark.parametrize("values", [{}, {"other": 1}])
def test_a_gap_that_is_not_filled_is_an_error(tmp_path: Path, values: dict[str, object]) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "a.toml").write_text('b = "{n}"')
    with pytest.raises(KeyError):
        Phrases(tmp_path, "en")("a.b", **values)


def test_an_unknown_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Phrases(tmp_path, "en")("a.b")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_both_languages_say_the_same_things_with_the_same_gaps(folder: Path) -> None:
    english, chinese = Phrases(folder, "en"), Phrases(folder, "zh")
    assert sorted(english) == sorted(chinese)
    for key in english:
        assert gaps(english.sentence(key)) == gaps(chinese.sentence(key)), key


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_chinese_sentences_are_chinese(folder: Path) -> None:
    chinese = Phrases(folder, "zh")
    for key in chinese:
        assert any("\u4e00" <= char <= "\u9fff" for char in chinese.sentence(key)), key
