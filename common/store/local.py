"""A folder as a store.

A create is a temporary file, fsync, `os.link`: the link is the one atomic step, and it fails
where the name is taken. A replacement is `os.replace`; an `IfMatch` holds a lock on the key
while it compares and replaces. The etag is the file's identity (inode, time, size), which
changes with every write because every write makes a new file beside the old one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from common.errors import (
    AccessDenied,
    AlreadyExists,
    BucketMissing,
    DarkroomError,
    NotFound,
    PreconditionFailed,
    StoreFull,
    StoreRefused,
    StoreUnavailable,
)
from common.store.base import MOST_BYTES, IfMatch, Meta, Object, PutMode, check_key, check_size

T = TypeVar("T")

# Names with a leading dot cannot be keys, so nothing in here is ever listed.
_PRIVATE = ".darkroom"


class LocalStore:
    """Objects as files under `root`, which is made on the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @property
    def url(self) -> str:
        return self._root.as_uri()

    def get(self, key: str, most: int = MOST_BYTES) -> Object:
        def read() -> Object:
            with self._path(key).open("rb") as file:
                status = os.fstat(file.fileno())
                check_size(key, status.st_size, most)
                return Object(file.read(), _etag(status))

        return self._translate(key, read)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        def read() -> bytes:
            with self._path(key).open("rb") as file:
                file.seek(start)
                return file.read(length)

        return self._translate(key, read)

    def head(self, key: str) -> Meta:
        def look() -> Meta:
            path = self._path(key)
            stat = path.stat()
            if not path.is_file():
                raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
            return Meta(key, stat.st_size, _etag(stat), stat.st_mtime)

        return self._translate(key, look)

    def list(self, prefix: str) -> Iterator[Meta]:
        folder = prefix.rpartition("/")[0]
        keys = self._translate(prefix, lambda: sorted(self._walk(self._root / folder)))
        for key in keys:
            if key.startswith(prefix):
                with contextlib.suppress(NotFound):  # deleted since it was listed
                    yield self.head(key)

    def put(self, key: str, data: bytes, mode: PutMode = "overwrite") -> str:
        def fill(temporary: Path) -> None:
            temporary.write_bytes(data)

        return self._translate(key, lambda: self._write(key, fill, mode))

    def upload(self, key: str, path: Path) -> str:
        def fill(temporary: Path) -> None:
            shutil.copyfile(path, temporary)

        return self._translate(key, lambda: self._write(key, fill, "overwrite"))

    def download(self, key: str, path: Path) -> None:
        self._translate(key, lambda: shutil.copyfile(self._path(key), path))

    def delete(self, key: str) -> None:
        def remove() -> None:
            path = self._path(key)
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # a folder that still holds something stays
                for parent in path.parents[: len(Path(key).parts) - 1]:
                    parent.rmdir()

        self._translate(key, remove)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _walk(self, folder: Path) -> Iterator[str]:
        for parent, names, files in os.walk(folder):
            names[:] = [name for name in names if name != _PRIVATE]
            base = Path(parent).relative_to(self._root).as_posix()
            yield from (name if base == "." else f"{base}/{name}" for name in files)

    def _write(self, key: str, fill: Callable[[Path], None], mode: PutMode) -> str:
        path = self._path(key)
        private = self._root / _PRIVATE
        private.mkdir(parents=True, exist_ok=True)
        temporary = private / f"{secrets.token_hex(12)}.tmp"
        try:
            fill(temporary)
            _flush(temporary)
            etag = _etag(temporary.stat())
            self._place(temporary, path, mode)
            _flush(path.parent)
            return etag
        finally:
            temporary.unlink(missing_ok=True)

    def _place(self, temporary: Path, path: Path, mode: PutMode) -> None:
        if mode == "create":
            _in_folder(path, lambda: os.link(temporary, path))
        elif isinstance(mode, IfMatch):
            with self._locked(path):
                if not path.exists() or _etag(path.stat()) != mode.etag:
                    raise PreconditionFailed(f"{path} is not the version that was to be replaced.")
                temporary.replace(path)
        else:
            with self._locked(path):
                _in_folder(path, lambda: temporary.replace(path))

    @contextlib.contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        """Hold the lock of one key among all processes on this machine; a dead holder frees it."""
        locks = self._root / _PRIVATE / "locks"
        locks.mkdir(exist_ok=True)
        with (locks / sha256(str(path).encode()).hexdigest()[:3]).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _translate(self, key: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except OSError as error:
            raise _meaning(error, key, self.url) from error


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


def _in_folder(path: Path, place: Callable[[], object]) -> None:
    """Run `place`, making the folder of `path` as often as another process removes it for being empty."""
    for _ in range(100):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            place()
            return
    raise FileNotFoundError(errno.ENOENT, "its folder keeps vanishing", str(path))


def _flush(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # a folder removed by a concurrent delete has no names to keep
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _meaning(error: OSError, key: str, url: str) -> DarkroomError:
    """Translate an operating system's error on `key` into ours."""
    where = f"{key} in {url}"
    match error.errno:
        case errno.ENOENT:
            return NotFound(f"{where} is not there.")
        case errno.EEXIST if isinstance(error, FileExistsError):
            return AlreadyExists(f"{where} is already there.")
        case errno.ENOSPC | errno.EDQUOT:
            return StoreFull(f"No room left for {where}: free some space or choose another DARKROOM_STORE, then resume.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return AccessDenied(f"No permission for {where}: {error.strerror}. Check the owner of the folder.")
        case errno.ENOTDIR | errno.EISDIR:
            return BucketMissing(f"{where} cannot be used: {error.strerror}. Choose a folder as DARKROOM_STORE.")
        case errno.EIO | errno.ESTALE | errno.EMFILE | errno.ENFILE | errno.ETIMEDOUT:
            return StoreUnavailable(f"{where} did not answer: {error.strerror}.")
        case _:
            return StoreRefused(f"{where} failed: {error.strerror or error}.")
