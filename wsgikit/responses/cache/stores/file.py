"""FileStore: responses kept in a folder that all workers of a host share."""

from __future__ import annotations

import os
from functools import wraps
from io import FileIO
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from zlib import crc32

from msgspec.structs import replace

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.process import PerProcess
from wsgikit.core.units import size
from wsgikit.responses.cache.entry import StoreError
from wsgikit.responses.cache.stores.filewriter import FileWriter
from wsgikit.responses.cache.stores.folder import BOOT, Folder
from wsgikit.responses.cache.stores.index import Index, Record, added, touch
from wsgikit.responses.cache.stores.record import digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.responses.cache.entry import Entry

P = ParamSpec("P")
T = TypeVar("T")

_SHARE = 4  # a body longer than a quarter of the store would push out too much of what others ask for
_PIECE = 1 << 20  # bytes of a body that are checked at a time


def _own_errors(function: Callable[P, T]) -> Callable[P, T]:
    """``function``, with what the operating system raises as a ``StoreError``."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            raise StoreError(str(error)) from error

    return guarded


class FileStore(Component):
    """Keeps responses in files that all workers of a host share, and that outlive them.

    - ``path``: a folder, made (for its owner alone, 0700) if there is none. One that others may write to is refused,
      as they could choose what visitors see.
    - ``max_bytes``: bytes, or text such as ``"10GiB"`` (default ``"1GiB"``), for everything in it together, by the
      blocks of 4 KiB that files take on disk; what was not asked for the longest makes room. A body longer than a
      quarter of it is never kept.

    A body is handed out as an open file, which servers send without reading it into memory. Processes may be killed
    at any moment: readers see an old response or a new one, never half of one. After a power cut each body is read
    and compared with its checksum before it is used again. Raises ``ValueError`` or ``TypeError`` for options that
    will not do.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_bytes: int | str = "1GiB") -> None:
        self.path = path
        self.max_bytes = max_bytes
        root = _root(path)
        bound = size("FileStore", "max_bytes", max_bytes)
        if bound == 0:
            raise wrong_value("FileStore", "max_bytes", max_bytes, "more than nothing")
        self.largest = bound // _SHARE
        self._index: PerProcess[Index] = PerProcess(lambda: Index(Folder(root, bound)))

    @_own_errors
    def find(self, key: str) -> list[Entry]:
        """The variants under ``key``, newest first."""
        index = self._index.get()
        name = digest(key)
        records = index.read(name)
        if records is None:
            index.change(name, lambda _: [])
            return []
        return [record.entry for record in records if record.boot == BOOT or _proven(index, name, record)]

    @_own_errors
    def body(self, entry: Entry) -> FileIO | None:
        """The body as an open file; None when it was evicted meanwhile."""
        folder = self._index.get().folder
        name = digest(entry.id)
        path = folder.path(name, "body")
        try:
            file = FileIO(path)
        except FileNotFoundError:
            return None
        status = os.fstat(file.fileno())
        if status.st_size == entry.size:
            touch(path, status)
            return file
        file.close()
        with folder.changing() as ledger:
            folder.remove(ledger, name, "body")
        return None

    @_own_errors
    def write(self, key: str) -> FileWriter:
        """Begin to store a response under ``key``."""
        return FileWriter(self._index.get(), digest(key), self.largest)

    @_own_errors
    def freshen(self, key: str, entry: Entry) -> None:
        """Give the entry with the same id new headers and times."""
        index = self._index.get()
        name = digest(key)
        with index.folder.changing() as ledger:
            if index.fits(ledger, name, entry):
                before = index.read(name) or []
                same = [record for record in before if record.entry.id == entry.id]
                if same:
                    index.write(ledger, name, before, added(replace(same[0], entry=entry), before))

    @_own_errors
    def forget(self, key: str, id: str | None = None) -> int:  # noqa: A002 - the attribute's own name
        """Remove every variant under ``key``, or the one with that id."""
        index = self._index.get()
        name = digest(key)
        if index.read(name) == []:  # most that is posted invalidates nothing, and needs no lock
            return 0
        return index.change(name, lambda records: [r for r in records if id not in (None, r.entry.id)])

    @_own_errors
    def forget_tag(self, tag: str) -> int:
        """Remove every entry that bears ``tag``."""
        return self._index.get().forget_tag(tag)

    def close(self) -> None:
        """Nothing is open between two calls; the folder is looked at anew when the store is used again."""
        self._index.drop()


def _root(path: str | os.PathLike[str]) -> str:
    """The folder as an absolute path, as servers change theirs."""
    wanted = "a folder, or a path where there is nothing yet"
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise wrong_type("FileStore", "path", path, wanted)
    root = os.path.abspath(path)
    if not os.fspath(path) or (os.path.lexists(root) and not os.path.isdir(root)):
        raise wrong_value("FileStore", "path", path, wanted)
    if os.path.isdir(root) and os.stat(root).st_mode & 0o022:
        raise wrong_value("FileStore", "path", path, "a folder that only its owner may write to")
    return root


def _proven(index: Index, name: str, record: Record) -> bool:
    """Whether a body left by another boot is whole. If it is, nobody has to look again; if not, it goes."""
    right = _checksum(index.folder.path(digest(record.entry.id), "body")) == (record.entry.size, record.check)

    def change(records: list[Record]) -> list[Record]:
        others = [other for other in records if other != record]
        if len(others) < len(records) and right:
            return added(replace(record, boot=BOOT), others)
        return others

    index.change(name, change)
    return right


def _checksum(path: str) -> tuple[int, int]:
    """The length and the CRC-32 of a file."""
    length = check = 0
    try:
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                length += len(piece)
                check = crc32(piece, check)
    except FileNotFoundError:
        pass
    return length, check
