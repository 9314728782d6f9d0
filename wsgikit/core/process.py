"""What belongs to one process: live things made after the fork, and the server around us."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Generic, TypeVar

from wsgikit.core.generation import generation, page

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Holds a live thing (locks, sockets, threads) that is made on first use in each process.

    Apps are built before the server forks, and a lock or socket carried over a fork is shared by
    accident. The process is compared at every use, as ``os.register_at_fork`` does not fire in uWSGI's workers.

    ``make`` may run twice when two threads come first at once, and one result is dropped, so it only
    builds: threads and connections are started by the thing itself, when it is used.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}  # by generation: never more than this process's and an ancestor's

    def get(self) -> T:
        """This process's own thing."""
        made = self._made.get(page[0])
        return made if made is not None else self._first(generation())

    def peek(self) -> T | None:
        """This process's own thing if it was used already."""
        return self._made.get(page[0])

    def drop(self) -> T | None:
        """Let go of this process's own thing, and give it; the next use makes another."""
        return self._made.pop(page[0], None)

    def _first(self, mine: int) -> T:
        # One call, and so one winner, without a lock: a lock could be held by another thread at the fork.
        made = self._made.setdefault(mine, self._make())
        for other in [key for key in self._made if key != mine]:
            self._made.pop(other, None)  # the parent's: its sockets are closed here, not shut down
        return made


def server_name(environ: WSGIEnvironment) -> str:
    """Which server is around us: ``gunicorn``, ``uwsgi``, ``waitress``, ...; ``""`` if it does not say."""
    if "uwsgi.version" in environ or "uwsgi" in sys.modules:
        return "uwsgi"
    if "mod_wsgi.version" in environ:
        return "mod_wsgi"
    software = str(environ.get("SERVER_SOFTWARE", ""))
    name = software.split("/", 1)[0].split(" ", 1)[0].lower()
    return "wsgiref" if name == "wsgiserver" else name
