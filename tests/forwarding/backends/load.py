"""Load on an app: threads that send one request after another, and what came of it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Self

from wsgikit.testing import call

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

    from wsgikit.testing import Result

PATIENCE = 30.0  # seconds until something that should happen counts as not happening


class Load:
    """``threads`` threads that send GET to ``app`` until the end of the ``with`` block, or ``each`` of them so many.

    ``answers`` counts the answers by status, ``retries`` by how often their request was sent again.
    """

    def __init__(self, app: WSGIApplication, threads: int, *, each: int | None = None) -> None:
        self.answers: Counter[int] = Counter()
        self.retries: Counter[int] = Counter()
        self._app = app
        self._over = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name=f"load {n}", daemon=True)
            for n in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self.join()

    def join(self) -> None:
        """Wait until each has sent what it was to send."""
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a request has hung"
        if self._failure is not None:
            raise self._failure

    def until(self, predicate: Callable[[], object]) -> None:
        """Wait until this is so; looked at after each answer."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._failure or predicate(), PATIENCE), self.answers

    def more(self, count: int) -> None:
        """Wait for so many more answers."""
        target = self.answers.total() + count
        self.until(lambda: self.answers.total() >= target)

    def _run(self, left: int | None) -> None:
        try:
            while not self._over and left != 0:
                self._count(call(self._app))
                left = None if left is None else left - 1
        except BaseException as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _count(self, result: Result) -> None:
        with self._changed:
            self.answers[result.status] += 1
            self.retries[result.environ["wsgikit.notes"]["retries"]] += 1
            self._changed.notify_all()
