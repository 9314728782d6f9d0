"""How much memory this process has, cheaply enough to ask at each request (0.7 us; reading smaps takes 450)."""

from __future__ import annotations

import os

from wsgikit.core.process import PerProcess


class _Statm:
    """An open /proc/self/statm. It goes on to describe the process that opened it, so each process opens its own."""

    def __init__(self) -> None:
        self._page = os.sysconf("SC_PAGE_SIZE")
        try:
            self._descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # no Linux
            self._descriptor = -1

    def read(self) -> tuple[int, int]:
        if self._descriptor < 0:
            return 0, 0
        size, resident = os.pread(self._descriptor, 64, 0).split(b" ", 2)[:2]
        return int(size) * self._page, int(resident) * self._page

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


_statm: PerProcess[_Statm] = PerProcess(_Statm)


def memory() -> tuple[int, int]:
    """Address space and resident set, in bytes; zeros where /proc does not say."""
    return _statm.get().read()
