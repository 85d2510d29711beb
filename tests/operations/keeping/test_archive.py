import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llm_modules.errors import UserError
from llm_modules.operations.keeping import manifest as manifests
from llm_modules.operations.keeping.archive import (
    list_file,
    read_manifest,
    unpack,
    write_archive,
)
from llm_modules.operations.keeping.contents import Kept
from llm_modules.operations.keeping.manifest import Manifest, own_version

AT = datetime(2026, 1, 15, 12, 30, 5, tzinfo=UTC)
CONTENT = b"one line\n"


def silent(_size_bytes: int) -> None:
    """Nobody waits."""


def files(folder: Path) -> list[Kept]:
    found = []
    for name in ("logs/d.jsonl", "config.json"):
        path = folder / "from" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT * len(name))
        found.append(Kept(name, path))
    return found


def a_manifest(*kept: Kept) -> Manifest:
    listed = tuple(list_file(one) for one in kept)
    return Manifest(schema=1, made_by="backup", at=AT, version="1.2.3", mode="live", files=listed)


def an_archive(folder: Path) -> Path:
    path = folder / "a.tar.gz"
    kept = files(folder)
    write_archive(path, a_manifest(*kept), kept, silent)
    return path


def into(folder: Path) -> Callable[[str], Path]:
    def place(name: str) -> Path:
        (folder / "to" / name).parent.mkdir(parents=True, exist_ok=True)
        return folder / "to" / name

    return place


def forged(folder: Path, text: dict[str, Any] | bytes, *members: tuple[Any, bytes]) -> Path:
    """An archive made by hand: whatever stands in the list, and members of any kind."""
    path = folder / "forged.tar.gz"
    body = text if isinstance(text, bytes) else json.dumps(text).encode()
    with tarfile.open(path, "w:gz") as tar:
        for name, content in (("manifest.json", body), *members):
            header = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return path


def listing(*names: str, content: bytes = CONTENT, **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    listed = [{"name": name, "size_bytes": len(content), "sha256": digest} for name in names]
    return {
        "schema": 1,
        "made_by": "backup",
        "at": "2026-01-15T12:30:05Z",
        "version": "1",
        "mode": None,
        "files": listed,
    } | changes


def test_what_is_packed_is_what_is_unpacked(tmp_path: Path) -> None:
    path = an_archive(tmp_path)
    told: list[int] = []
    manifest = unpack(path, into(tmp_path), told.append)
    assert manifest == read_manifest(path) == a_manifest(*files(tmp_path))
    for kept in files(tmp_path):
        assert (tmp_path / "to" / kept.name).read_bytes() == kept.path.read_bytes()
    assert sum(told) == manifest.size_bytes


def test_nobody_else_may_read_an_archive(tmp_path: Path) -> None:
    assert an_archive(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("mode", "after"), [(0o600, 0o600), (0o644, 0o644), (0o777, 0o644)])
def test_files_are_as_readable_as_they_were_and_never_programs(
    tmp_path: Path, mode: int, after: int
) -> None:
    kept = files(tmp_path)
    kept[0].path.chmod(mode)
    write_archive(tmp_path / "a.tar.gz", a_manifest(*kept), kept, silent)
    unpack(tmp_path / "a.tar.gz", into(tmp_path), silent)
    assert (tmp_path / "to" / kept[0].name).stat().st_mode & 0o777 == after


def test_an_archive_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = an_archive(tmp_path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="stays as it is"):
        an_archive(tmp_path)
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.tar.gz", "from"]


def test_an_archive_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    kept = files(tmp_path)
    manifest = a_manifest(*kept)
    kept[1].path.write_bytes(b"shorter")
    with pytest.raises(OSError, match="unexpected end of data"):
        write_archive(tmp_path / "a.tar.gz", manifest, kept, silent)
    assert [one.name for one in tmp_path.iterdir()] == ["from"]


def test_the_list_names_each_file_with_its_hash(tmp_path: Path) -> None:
    with tarfile.open(an_archive(tmp_path)) as tar:
        assert tar.getnames() == ["manifest.json", "logs/d.jsonl", "config.json"]
        text = tar.extractfile("manifest.json")
        assert text is not None
        written = json.load(text)
    content = CONTENT * len("logs/d.jsonl")
    assert written["schema"] == 1
    assert written["at"] == "2026-01-15T12:30:05Z"
    assert written["files"][0] == {
        "name": "logs/d.jsonl",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6, 0.9])
def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path, at: float) -> None:
    path = an_archive(tmp_path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * at)])
    with pytest.raises(UserError, match=r"is damaged|no archive of ours|no manifest\.json"):
        unpack(path, into(tmp_path), silent)


def test_garbage_behind_the_list_is_refused(tmp_path: Path) -> None:
    path = forged(tmp_path, listing("a"), ("a", CONTENT))
    plain = gzip.decompress(path.read_bytes())
    # Good up to the header of the second member; garbage, no deflate, from the next read on.
    packer = zlib.compressobj(0, wbits=-15)
    good = packer.compress(plain[: plain.index(b"a\0\0", 1024)]) + packer.flush(zlib.Z_FULL_FLUSH)
    name = b"n" * (-(len(good) + 11) % tarfile.RECORDSIZE) + b"\0"
    path.write_bytes(b"\x1f\x8b\x08\x08" + bytes(6) + name + good + b"\x07" * 20_480)
    with pytest.raises(UserError, match="is damaged"):
        unpack(path, into(tmp_path), silent)


def test_no_flipped_bit_goes_unnoticed(tmp_path: Path) -> None:
    path = an_archive(tmp_path)
    whole = path.read_bytes()
    for at in range(10, len(whole) - 12, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            manifest = unpack(path, into(tmp_path), silent)
        except UserError:
            pass
        else:
            assert manifest.files == a_manifest(*files(tmp_path)).files
        for one in (tmp_path / "to").rglob("*"):
            if one.is_file():
                one.unlink()


@pytest.mark.parametrize("text", [b"", b"no gzip", b"\x1f\x8b\x08\x00 broken"])
def test_what_is_no_archive_is_told(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(text)
    with pytest.raises(UserError, match=r"a\.tar\.gz is (no archive of ours|damaged)"):
        read_manifest(path)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_manifest(tmp_path / "a.tar.gz")


def test_an_archive_without_a_list_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "old.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("logs/d.jsonl"))
    with pytest.raises(UserError, match="unpack it by hand with tar"):
        read_manifest(path)


def test_an_empty_tar_has_no_list(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "e.tar.gz", "w:gz"):
        pass
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        read_manifest(tmp_path / "e.tar.gz")


def test_an_archive_of_a_newer_version_is_told(tmp_path: Path) -> None:
    path = forged(tmp_path, {"schema": 2, "shape": "unknown"})
    with pytest.raises(UserError, match=r"newer version .* \(schema 2, known is 1\)"):
        read_manifest(path)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{",
        b'{"schema": "x"}',
        json.dumps(listing("a", mode="paper")).encode(),
        json.dumps(listing("a", at="yesterday")).encode(),
        json.dumps(listing("a", more=1)).encode(),
        json.dumps(listing("a") | {"files": [{"name": "a", "size_bytes": -1}]}).encode(),
    ],
)
def test_a_damaged_list_is_told(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(UserError, match=r"damaged manifest\.json"):
        read_manifest(forged(tmp_path, text))


def test_a_list_that_names_a_file_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="in its list twice"):
        read_manifest(forged(tmp_path, listing("a", "a")))


def a_link(kind: bytes, name: str) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type = kind
    header.linkname = "/etc/passwd"
    return header


@pytest.mark.parametrize(
    ("names", "members"),
    [
        (["a"], [("b", CONTENT)]),
        (["a"], [("../a", CONTENT)]),
        (["a"], [("a", CONTENT + b"more")]),
        (["a"], [("a", b"other it\n")]),
        (["a"], [("a", CONTENT), ("a", CONTENT)]),
        (["a", "b"], [("a", CONTENT)]),
        (["a"], [(a_link(tarfile.SYMTYPE, "a"), b"")]),
        (["a"], [(a_link(tarfile.LNKTYPE, "a"), b"")]),
        (["a"], [(a_link(tarfile.DIRTYPE, "a"), b"")]),
        (["a"], [(a_link(tarfile.CHRTYPE, "a"), b"")]),
    ],
)
def test_what_is_not_as_listed_is_refused(
    tmp_path: Path, names: list[str], members: list[tuple[Any, bytes]]
) -> None:
    path = forged(tmp_path, listing(*names), *members)
    with pytest.raises(UserError, match=r"is damaged: .*; nothing is changed"):
        unpack(path, into(tmp_path), silent)
    assert not (tmp_path / "a").exists()


def test_a_refused_name_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    def place(name: str) -> Path:
        if name == "b":
            raise UserError("not here")
        return into(tmp_path)(name)

    path = forged(tmp_path, listing("a", "b"), ("a", CONTENT), ("b", CONTENT))
    with pytest.raises(UserError, match="not here"):
        unpack(path, place, silent)
    assert not (tmp_path / "to" / "a").exists()


def test_a_file_that_is_in_the_way_is_not_written_through(tmp_path: Path) -> None:
    path = an_archive(tmp_path)
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    (into(tmp_path)("config.json")).symlink_to(victim)
    with pytest.raises(FileExistsError):
        unpack(path, into(tmp_path), silent)
    assert victim.read_text(encoding="utf-8") == "mine"


def test_the_version_is_that_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, good = tmp_path / "broken.toml", tmp_path / "good.toml"
    broken.write_text("[", encoding="utf-8")
    good.write_text('[project]\nversion = "7.8"\n', encoding="utf-8")
    monkeypatch.setattr(manifests, "PROJECT_FILES", (tmp_path / "missing", broken, good))
    assert own_version() == "7.8"
    monkeypatch.setattr(manifests, "PROJECT_FILES", (broken,))
    assert own_version() == "unknown"
