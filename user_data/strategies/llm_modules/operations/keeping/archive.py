"""Archives: a tar.gz with its manifest in front, whole under its name or not there at all."""

import errno
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from llm_modules.errors import UserError
from llm_modules.operations.keeping.contents import Kept
from llm_modules.operations.keeping.copying import CHUNK_BYTES, Tell
from llm_modules.operations.keeping.manifest import (
    MANIFEST_NAME,
    KeptFile,
    Manifest,
    parse_manifest,
)
from llm_modules.operations.places import shown
from llm_modules.whole_files import OWNER_ONLY

# Nothing an archive names becomes writable for others, or a program.
READABLE = 0o644
# A list of a hundred thousand files; what is longer is none of ours.
MOST_MANIFEST_BYTES = 32 * 1024 * 1024
# Text packs to a tenth at any level; this one is three times as fast as the usual.
LEVEL = 4
BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError)


def list_file(kept: Kept) -> KeptFile:
    """Measure a file and hash it, for the manifest."""
    digest = hashlib.sha256()
    size_bytes = 0
    with kept.path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
    return KeptFile(name=kept.name, size_bytes=size_bytes, sha256=digest.hexdigest())


def write_archive(path: Path, manifest: Manifest, files: Sequence[Kept], tell: Tell) -> None:
    """Pack the files, which must not change meanwhile; raises OSError and leaves nothing then.

    Only its owner may read it. A file that is there under the name is never replaced.
    """
    # Under another name until it is whole: half an archive must not pass for a backup.
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        with _private(unfinished) as raw:
            with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=LEVEL) as tar:
                text = manifest.model_dump_json(by_alias=True, indent=1).encode()
                tar.addfile(_header(MANIFEST_NAME, len(text), manifest), io.BytesIO(text))
                for kept, listed in zip(files, manifest.files, strict=True):
                    _pack(tar, kept, listed, manifest)
                    tell(listed.size_bytes)
            raw.flush()
            os.fsync(raw.fileno())
        if path.exists():
            raise FileExistsError(errno.EEXIST, "is there already, and stays as it is", str(path))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest:
    """Return the list of an archive. Raises UserError when it is none of ours, or damaged."""
    with _opened(path) as tar:
        return _manifest(tar, path)


def unpack(path: Path, to: Callable[[str], Path], tell: Tell) -> Manifest:
    """Unpack every file to where `to` says and compare its hash on the way.

    Raises UserError when anything is not as the manifest says, when `to` refuses a name, or when
    the archive is damaged; what was unpacked until then is the caller's to remove.
    """
    with _opened(path) as tar:
        manifest = _manifest(tar, path)
        expected = {file.name: file for file in manifest.files}
        # All names before the first file is written.
        targets = {name: to(name) for name in expected}
        for member in _members(tar, path):
            listed = expected.pop(member.name, None)
            source = tar.extractfile(member) if member.isreg() else None
            if listed is None or source is None or member.size != listed.size_bytes:
                raise _damaged(path, f"{member.name!r} is not as its list says")
            _unpack(source, targets[listed.name], listed, path)
            targets[listed.name].chmod(member.mode & READABLE | OWNER_ONLY)
            tell(listed.size_bytes)
    if expected:
        raise _damaged(path, f"{min(expected)} is missing")
    return manifest


def _pack(tar: tarfile.TarFile, kept: Kept, listed: KeptFile, manifest: Manifest) -> None:
    header = _header(kept.name, listed.size_bytes, manifest)
    # In a container somebody else may have to read what is restored.
    header.mode = kept.path.stat().st_mode & READABLE
    with kept.path.open("rb") as file:
        tar.addfile(header, file)


def _header(name: str, size_bytes: int, manifest: Manifest) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = size_bytes
    header.mode = OWNER_ONLY
    header.mtime = int(manifest.at.timestamp())
    return header


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that only its owner may read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        yield file


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"{shown(path)} cannot be read: {error.strerror}") from error
    with file:
        try:
            # As a stream: nothing is ever sought by a position that the archive names.
            tar = tarfile.open(fileobj=file, mode="r|gz")  # noqa: SIM115 - closed below
        except BROKEN as error:
            raise UserError(f"{shown(path)} is no archive of ours: {error}") from error
        with tar:
            yield tar


def _members(tar: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    while True:
        try:
            member = tar.next()
        except BROKEN as error:
            raise _damaged(path, str(error)) from error
        if member is None:
            return
        yield member


def _manifest(tar: tarfile.TarFile, path: Path) -> Manifest:
    try:
        member = tar.next()
        is_manifest = member is not None and member.name == MANIFEST_NAME and member.isreg()
        if member is None or not is_manifest or member.size > MOST_MANIFEST_BYTES:
            raise UserError(
                f"{shown(path)} has no {MANIFEST_NAME} in front, so nothing in it can be checked: "
                "it was made by an older version or another program; unpack it by hand with tar"
            )
        file = tar.extractfile(member)
        text = file.read() if file else b""
    except BROKEN as error:
        raise _damaged(path, str(error)) from error
    manifest = parse_manifest(text, shown(path))
    names = [file.name for file in manifest.files]
    if len(set(names)) < len(names):
        raise _damaged(path, "a name is in its list twice")
    return manifest


def _unpack(source: IO[bytes], target: Path, listed: KeptFile, archive: Path) -> None:
    digest = hashlib.sha256()
    with _private(target) as file:
        for chunk in _chunks(source, archive):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != listed.sha256:
        raise _damaged(archive, f"{listed.name} is not what was packed (its checksum differs)")


def _chunks(source: IO[bytes], archive: Path) -> Iterable[bytes]:
    """Read a member; only reading may find the archive broken, writing may find the disk full."""
    while True:
        try:
            chunk = source.read(CHUNK_BYTES)
        except BROKEN as error:
            raise _damaged(archive, str(error)) from error
        if not chunk:
            return
        yield chunk


def _damaged(path: Path, why: str) -> UserError:
    return UserError(f"{shown(path)} is damaged: {why}; nothing is changed")
