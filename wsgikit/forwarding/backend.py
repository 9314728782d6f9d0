"""A backend at work: an upstream, the connections to it that this process keeps, and one exchange over them."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from wsgikit.core.process import PerProcess
from wsgikit.forwarding.errors import NoAnswer
from wsgikit.forwarding.pool import Pool
from wsgikit.forwarding.transports.http1 import Connection
from wsgikit.forwarding.transports.wire import Wire, connect

if TYPE_CHECKING:
    from wsgikit.forwarding.inbound import Head
    from wsgikit.forwarding.outbound import Outbound, Request
    from wsgikit.forwarding.upstream import Upstream


class Backend:
    """Carries requests to one upstream; the times are those of ReverseProxy, in seconds."""

    def __init__(
        self,
        upstream: Upstream,
        outbound: Outbound,
        *,
        connect_timeout: float,
        read_timeout: float,
        total_timeout: float | None,
        max_idle: int,
        max_connections: int | None,
    ) -> None:
        self.upstream = upstream
        self.url = upstream.url
        self.weight = upstream.weight
        self.outbound = outbound
        limit = max_connections if upstream.max_connections is None else upstream.max_connections
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._total_timeout = total_timeout
        self._pools: PerProcess[Pool[Connection]] = PerProcess(lambda: Pool(max_idle, limit))

    def exchange(self, request: Request) -> Exchange:
        """Send ``request``, and give the exchange once the head of its answer is in.

        A kept connection may be closed by the backend at the very moment it is used. Then nobody has answered,
        and a request that can be repeated is sent again, once, on a new connection. Raises ``ForwardingError``.
        """
        deadline = None if self._total_timeout is None else monotonic() + self._total_timeout
        pool = self._pools.get()
        connection = pool.take()
        try:
            if connection is not None:
                try:
                    return Exchange(pool, connection, connection.exchange(request, deadline))
                except NoAnswer:
                    if not request.replayable:
                        raise
                    connection.close()
            connection = self._open(deadline)
            return Exchange(pool, connection, connection.exchange(request, deadline))
        except BaseException:
            pool.drop(connection)
            raise

    def close(self) -> None:
        """Close the connections that are idle in this process."""
        pool = self._pools.peek()
        if pool is not None:
            pool.close()

    def _open(self, deadline: float | None) -> Connection:
        timeout = self._connect_timeout
        if deadline is not None:
            timeout = min(timeout, max(deadline - monotonic(), 0.0))
        return Connection(Wire(connect(self.upstream.address, timeout), self._read_timeout))


class Exchange:
    """An answer whose head is in: its body, then the connection goes back to the pool, or is dropped."""

    __slots__ = ("_connection", "_pool", "head")

    def __init__(self, pool: Pool[Connection], connection: Connection, head: Head) -> None:
        self._pool = pool
        self._connection: Connection | None = connection
        self.head = head

    def __del__(self) -> None:
        self.end()  # by a server that forgot to close the body (asgiref, pyruvate)

    @property
    def over(self) -> bool:
        """Whether the connection has been given back."""
        return self._connection is None

    def whole(self) -> bytes | None:
        """The body, if all of it is here already (the exchange is then over), else None."""
        body = b"" if self._connection is None else self._connection.whole()
        if body is not None:
            self.end()
        return body

    def read(self) -> bytes:
        """The next piece of the body, as soon as there is one; ``b""`` at its end. A body that breaks off raises."""
        return b"" if self._connection is None else self._connection.read()

    def end(self) -> None:
        """Give the connection back if it can be used again, drop it otherwise; once."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.settle():
            self._pool.give(connection)
        else:
            self._pool.drop(connection)
