"""An answer of a backend: all of it at once, as most come, or its head, with the body still on its way."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from wsgikit.forwarding.errors import ForwardingError, TimedOut

if TYPE_CHECKING:
    from wsgikit.forwarding.backend import Backend
    from wsgikit.forwarding.inbound import Head
    from wsgikit.forwarding.transports.connection import Connection


class Answer:
    """A backend's answer; ``body`` is None where it did not come with the head, and the answer an ``Exchange``."""

    __slots__ = ("backend", "body", "head")

    def __init__(self, backend: Backend, head: Head, body: bytes | None) -> None:
        self.backend = backend
        self.head = head
        self.body = body

    def end(self) -> None:
        """Nothing is left to be done."""


class Exchange(Answer):
    """An answer whose head is in: its body is read, then the connection goes back to the pool, or is dropped."""

    __slots__ = ("_begun", "_connection", "_deadline")

    def __init__(
        self, backend: Backend, head: Head, connection: Connection, begun: float, deadline: float | None
    ) -> None:
        super().__init__(backend, head, None)
        self._connection: Connection | None = connection
        self._begun = begun
        self._deadline = deadline

    def __del__(self) -> None:
        self.end()  # by a server that forgot to close the body (asgiref, pyruvate)

    @property
    def over(self) -> bool:
        """Whether the connection has been given back."""
        return self._connection is None

    def read(self) -> bytes:
        """The next piece of the body, as soon as there is one; ``b""`` at its end. A body that breaks off raises."""
        if self._connection is None:
            return b""
        try:
            return self._connection.read()
        except ForwardingError as error:
            # After the deadline nobody can tell whether it was the backend that dripped, or the client.
            deadline = self._deadline
            late = deadline is not None and isinstance(error, TimedOut) and monotonic() >= deadline
            self.backend.failed(error, self._begun, blame=not late)
            raise

    def end(self) -> None:
        """Give the connection back if it can be used again, drop it otherwise; once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self.backend.release(connection)
