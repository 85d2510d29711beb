"""The picture of calibration: a PNG that can be opened, drawn by another process, quietly."""

import io
import runpy
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image

from llm_modules.learning.calibration import Calibration, Reliability
from llm_modules.operations.places import SHIPPED_USER_DATA, Places
from llm_modules.operations.records import drawing, picture
from llm_modules.operations.records.drawing import MISSED, SOUND, main, png
from llm_modules.operations.records.picture import MODULE, PICTURE, Picture, draw
from own_trades import own_trade

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PLACES = Places(SHIPPED_USER_DATA)


def reliability(confidence: float = 80, wins: int = 5, of: int = 12) -> Reliability:
    calibration = Calibration()
    for number in range(of):
        calibration.add(own_trade(number, won=number < wins, confidence_score=confidence))
    return calibration.reliability()


def a_picture(title: str = "Confidence against results: dry_run, n=12") -> Picture:
    return Picture(title, reliability())


def pixels_of(colour: str, content: bytes) -> int:
    """How many pixels have exactly a colour."""
    wanted = tuple(bytes.fromhex(colour.removeprefix("#")))
    image = Image.open(io.BytesIO(content)).convert("RGB")
    return sum(count for count, found in image.getcolors(1_000_000) or [] if found == wanted)


# --- what is drawn ------------------------------------------------------------------------------


def test_a_picture_is_a_png_of_a_thousand_pixels() -> None:
    content = png(a_picture())
    assert content.startswith(SIGNATURE)
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (1050, 1140)


def test_the_same_figures_give_the_same_picture() -> None:
    assert png(a_picture()) == png(a_picture())


def test_other_figures_and_other_titles_give_another_picture() -> None:
    usual = png(a_picture())
    assert png(Picture(a_picture().title, reliability(wins=6))) != usual
    assert png(a_picture("Confidence against results: live, n=12")) != usual


def test_a_bin_beyond_its_interval_has_a_colour_of_its_own() -> None:
    missed, sound = (png(Picture("x", reliability(wins=wins))) for wins in (0, 10))
    assert pixels_of(MISSED, missed) > pixels_of(MISSED, sound) > 0
    assert pixels_of(SOUND, sound) > pixels_of(SOUND, missed) > 0


@pytest.mark.parametrize(("confidence", "wins"), [(0, 12), (100, 0), (0, 0), (100, 12), (50, 6)])
def test_the_corners_can_be_drawn(confidence: float, wins: int) -> None:
    assert png(Picture("x", reliability(confidence, wins))).startswith(SIGNATURE)


def test_no_trades_at_all_can_be_drawn() -> None:
    assert png(Picture("x", reliability(of=0))).startswith(SIGNATURE)


@pytest.mark.parametrize("title", ["模型 🚀", "$\\nonsense{$", "a" * 500, "", "two\nlines"])
def test_whatever_a_model_is_called_can_be_drawn_without_a_warning(title: str) -> None:
    # Around this alone: what another test left open may be warned of at any moment.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = png(a_picture(title))
    assert drawn.startswith(SIGNATURE)


# --- the process that draws ---------------------------------------------------------------------


def test_main_writes_what_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert main(path, PICTURE.dump_json(a_picture())) == 0
    assert path.read_bytes() == png(a_picture())


def test_main_says_why_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path, PICTURE.dump_json(a_picture())) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_the_module_reads_a_picture_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    content = io.TextIOWrapper(io.BytesIO(PICTURE.dump_json(a_picture())))
    monkeypatch.setattr(sys, "argv", ["drawing", str(path)])
    monkeypatch.setattr(sys, "stdin", content)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(drawing.__file__, run_name="__main__")
    assert ended.value.code == 0
    assert path.read_bytes().startswith(SIGNATURE)


def test_a_picture_survives_its_way_to_the_other_process() -> None:
    assert PICTURE.validate_json(PICTURE.dump_json(a_picture())) == a_picture()


def test_another_process_draws_into_a_folder_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "plot" / "new" / "calibration"
    assert draw(a_picture(), path, PLACES) is None
    assert path.read_bytes().startswith(SIGNATURE)


def test_a_home_that_cannot_be_written_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    assert draw(a_picture(), tmp_path / "a.png", PLACES) is None
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_a_home_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert draw(a_picture(), tmp_path / "a.png", PLACES) is None
    assert list(home.iterdir()) == []


def test_drawing_says_nothing(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 our own module
        [sys.executable, "-W", "error", "-m", MODULE, str(tmp_path / "a.png")],
        input=PICTURE.dump_json(a_picture()),
        env={"PYTHONPATH": str(PLACES.strategies), "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_what_went_wrong_there_is_told_in_one_line(tmp_path: Path) -> None:
    problem = draw(a_picture(), tmp_path, PLACES)
    assert problem == f"[Errno 21] Is a directory: '{tmp_path}'"


def test_an_end_without_a_word_is_told_by_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "silent.py").write_text("raise SystemExit(3)")
    monkeypatch.setattr(picture, "MODULE", "silent")
    places = FolderOfStrategies(tmp_path)
    assert draw(a_picture(), tmp_path / "a.png", places) == "status 3"


def test_a_process_that_takes_for_ever_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless.py").write_text("import time; time.sleep(600)")
    monkeypatch.setattr(picture, "MODULE", "endless")
    monkeypatch.setattr(picture, "LONGEST_SECONDS", 0.5)
    places = FolderOfStrategies(tmp_path)
    assert draw(a_picture(), tmp_path / "a.png", places) == "it took longer than 0.5 s"


def test_a_folder_that_cannot_be_made_is_an_error() -> None:
    with pytest.raises(OSError, match="/proc"):
        draw(a_picture(), Path("/proc/nowhere/a.png"), PLACES)


def test_only_the_drawing_itself_waits_for_matplotlib() -> None:
    code = "import sys, llm_modules.cli.commands; print('matplotlib' in sys.modules)"
    done = subprocess.run(  # noqa: S603 our own code
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PLACES.strategies)},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"False\n"


class FolderOfStrategies(Places):
    """Places whose code is elsewhere, with stand-ins for the drawing process."""

    @property
    def strategies(self) -> Path:
        return self.user_data
