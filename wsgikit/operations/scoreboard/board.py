"""The scoreboard of a service: a slot for this process, and a look at all of them."""

from __future__ import annotations

import logging
import threading
from functools import cache
from os import getpid
from time import time

from wsgikit.core.process import PerProcess
from wsgikit.operations.scoreboard import layout
from wsgikit.operations.scoreboard.family import family
from wsgikit.operations.scoreboard.file import File, PrivateMemory, prepare, shared_file
from wsgikit.operations.scoreboard.layout import WORD
from wsgikit.operations.scoreboard.slot import Slot
from wsgikit.operations.scoreboard.snapshot import Reader, Snapshot
from wsgikit.operations.service import meeting_place

_BOARD = 0  # the byte of the board's lock
_FIRST = 1  # that of the first slot's

_log = logging.getLogger("wsgikit.scoreboard")


def board(service: str) -> PerProcess[Board]:
    """The scoreboard of a service; all that name it share one, for a process can open the file only once."""
    return _board(service, meeting_place(service, "scoreboard-3"))


@cache
def _board(service: str, path: str) -> PerProcess[Board]:
    return PerProcess(lambda: Board(service, path))


class Board:
    """The scoreboard of ``service`` in the file ``path``, as one process has it; opened on first use.

    While the file cannot be used, the process counts itself alone, and the logger ``wsgikit.scoreboard`` says why.
    ``slot`` is None until ``claim`` was called: who only looks has none.
    """

    def __init__(self, service: str, path: str) -> None:
        self.service = service
        self.path = path
        self.slot: Slot | None = None
        self._file: File | None = None
        # Tables without room, in which no name is written any more.
        self._full: dict[layout.Names, dict[str, int]] = {}
        self._threads = threading.RLock()  # the file's locks keep processes apart, not threads
        self._held = 0  # how often this process has the board's lock; changed by who has _threads
        self._pid = getpid()
        self._told = ""  # why it counts itself alone

    def claim(self) -> Slot:
        """This process's slot: the first whose worker is gone, or that nobody has had yet."""
        with self._threads:
            if self.slot is None:
                self.slot = self._claimed()
            return self.slot

    def snapshot(self) -> Snapshot:
        """The service as it is now; workers that have died are taken off first."""
        with self._threads:
            self.look()
            file = self._opened()
            if self._hold(file):
                try:
                    self._bury_the_dead(file)
                finally:
                    self._let_go(file)
            return Reader(file.memory).snapshot(self.service)

    def look(self) -> None:
        """If the file was removed or replaced, go over to the new one, where all others meet as well."""
        file = self._file
        if file is not None and not file.in_place() and self._threads.acquire(blocking=False):
            try:
                self._file = self.slot = None  # requests in flight end in the old one, which nobody reads
                self._full = {}
            finally:
                self._threads.release()

    def _hold(self, file: File) -> bool:
        """Take the lock; keep it if a collector, which may end a request, has brought us here while we had it."""
        if not self._held and not file.lock(_BOARD):
            return False
        self._held += 1
        return True

    def _let_go(self, file: File) -> None:
        self._held -= 1
        if not self._held:
            file.unlock(_BOARD)

    def _opened(self) -> File:
        file = self._file
        if file is None:
            file = self._file = self._open()
        return file

    def _open(self) -> File:
        try:
            file = shared_file(self.path)
            if not file.lock(_BOARD):
                raise TimeoutError(f"{self.path} is locked by another process")
            try:
                prepare(file)
            finally:
                file.unlock(_BOARD)
            return file
        except OSError as error:
            return self._alone(error)

    def _alone(self, error: OSError) -> File:
        if str(error) != self._told:
            self._told = str(error)
            _log.warning("scoreboard: process %d counts itself alone: %s", self._pid, error)
        private = PrivateMemory()
        prepare(private)
        return private

    def _claimed(self) -> Slot:
        try:
            return self._take(self._opened())
        except OSError as error:
            self._file = self._alone(error)
            return self._take(self._file)

    def _take(self, file: File) -> Slot:
        if not self._hold(file):
            raise TimeoutError(f"{self.path} is locked by another process")
        try:
            self._turn_over(file)
            for number in range(layout.SLOTS):
                if file.try_lock(_FIRST + number):
                    try:
                        self._begin(file, number)
                    except BaseException:
                        file.unlock(_FIRST + number)
                        raise
                    return Slot(file.memory, number, self._index, self.look)
        finally:
            self._let_go(file)
        raise OSError(f"{self.path} has no slot left: {layout.SLOTS} processes have one")

    def _turn_over(self, file: File) -> None:
        """Start from zero if the service was started anew: no worker lives, and the last were of another family."""
        words = memoryview(file.memory).cast("Q")
        mine = family()
        self._bury_the_dead(file)
        if mine == words[layout.FAMILY]:
            return
        used = range(words[layout.SLOTS_USED])
        if not any(words[layout.slot_start(number) // WORD + layout.PID] for number in used):
            for number in used:
                start = layout.slot_start(number)
                file.memory[start : start + layout.SLOT] = bytes(layout.SLOT)
            words[layout.SLOTS_USED] = 0
            for names in layout.NAMES:
                words[names.used] = 1
            memoryview(file.memory).cast("d")[layout.MADE_AT] = time()
        # Last, so that whoever is killed before leaves it to the next; also where a server has replaced itself, and
        # the workers of both meet.
        words[layout.FAMILY] = mine

    def _begin(self, file: File, number: int) -> None:
        """A new life of a worker number."""
        start = layout.slot_start(number)
        file.reserve(start, layout.SLOT)
        words = memoryview(file.memory).cast("Q")
        head = start // WORD
        _bury(words, number)
        words[layout.SLOTS_USED] = max(words[layout.SLOTS_USED], number + 1)
        if words[head + layout.LIVES]:
            requests, micros = Reader(file.memory).spent(number)
            words[head + layout.REQUESTS_BEFORE] = requests
            words[head + layout.TIME_BEFORE] = micros
        words[head + layout.LIVES] += 1
        memoryview(file.memory).cast("d")[head + layout.STARTED] = time()
        words[head + layout.PID] = self._pid

    def _bury_the_dead(self, file: File) -> None:
        words = memoryview(file.memory).cast("Q")
        mine = self.slot.number if self.slot else -1  # its lock would be had once more, and then given up
        for number in range(words[layout.SLOTS_USED]):
            if number != mine and words[layout.slot_start(number) // WORD] and file.try_lock(_FIRST + number):
                _bury(words, number)
                file.unlock(_FIRST + number)

    def _index(self, names: layout.Names, name: str) -> int:
        """The number of a name in a table: as others have it, or a new one."""
        kept = layout.name(name)
        full = self._full.get(names)
        if full is not None:  # an app that calls each path a route of its own asks at each request
            return full.get(kept, names.other)
        with self._threads:
            file = self._opened()
            if not self._hold(file):
                return names.other
            try:
                return self._number(file, names, kept)
            finally:
                self._let_go(file)

    def _number(self, file: File, names: layout.Names, name: str) -> int:
        """The number of a name in a table, where it is put if it is new and there is room."""
        listed = Reader(file.memory).names(names)
        known = {**{text: number for number, text in enumerate(listed)}, layout.OTHER: names.other}
        number = len(listed)
        if number == names.other:
            self._full[names] = known
        elif name not in known:
            start = names.start + number * layout.NAME
            file.memory[start : start + layout.NAME] = name.encode().ljust(layout.NAME, b"\0")
            memoryview(file.memory).cast("Q")[names.used] = number + 1
            return number
        return known.get(name, names.other)


def _bury(words: memoryview, number: int) -> None:
    """What a dead worker had in flight is lost, and nobody has its slot."""
    head = layout.slot_start(number) // WORD
    lost = words[head + layout.UNLISTED]
    first = head + layout.CORES_START // WORD
    for since in range(first, first + layout.CORES * layout.CORE // WORD, layout.CORE // WORD):
        lost += bool(words[since])
        words[since] = 0
    words[head + layout.LOST] += lost
    words[head + layout.UNLISTED] = 0
    words[head + layout.PID] = 0
