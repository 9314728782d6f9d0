"""A socket to a backend, with limits on waiting; what the operating system says comes out as errors of ours.

``socket`` and ``select`` are looked up when they are called, so gevent's monkey-patching may come late.
"""

from __future__ import annotations

import _socket
import select
import socket
import struct
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.forwarding.errors import ConnectTimedOut, NoAnswer, TimedOut, Unreachable

if TYPE_CHECKING:
    from wsgikit.forwarding.upstream import Address

BLOCK = 65536
"""Bytes that are read from a backend at once."""

NAP = 1.0
"""Seconds that the kernel may wait for an answer by itself, before ``poll`` waits for the rest of the time."""
_NAP = struct.pack("ll", int(NAP), 0)


class Wire:
    """A connected socket. Waiting takes at most ``read_timeout`` at a time, and never goes beyond ``deadline``.

    The timeouts of Python's sockets are not used: they poll before each call and change the socket's mode with each
    timeout, which is four system calls more for a request with a deadline. Here the kernel waits for a moment, as long
    as most answers take, and then ``poll`` does. Sockets that are not the standard library's (gevent's) leave all
    waiting to ``poll``, which has been patched with them.
    """

    __slots__ = ("_kernel_waits", "_pid", "_poll", "_timeout", "deadline", "sock")

    def __init__(self, sock: socket.socket, read_timeout: float) -> None:
        self._kernel_waits = isinstance(sock, _socket.socket) and read_timeout >= NAP
        if self._kernel_waits:
            sock.settimeout(None)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _NAP)
        else:
            sock.settimeout(0.0)
        self.sock = sock
        self._pid = getpid()
        self.deadline: float | None = None
        self._timeout = read_timeout
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        sent = self._put(data)
        if sent < len(data):
            self._put_rest(memoryview(data)[sent:])

    def send_some(self, data: memoryview) -> int:
        """Send what the socket takes now, and give its size."""
        return self._put(data)

    def receive(self) -> bytes:
        """What has come, as soon as something has; ``b""`` when the other side has closed."""
        give_up = monotonic() + self._timeout
        if self.deadline is not None and self.deadline < give_up:
            give_up = self.deadline
        if not self._kernel_waits or give_up - monotonic() < NAP:
            self._await_answer(give_up)
        while True:
            try:
                return self.sock.recv(BLOCK)
            except BlockingIOError:
                self._await_answer(give_up)
            except OSError as error:
                raise NoAnswer(f"the connection broke while the answer was awaited ({error})") from error

    def readable(self, seconds: float = 0.0) -> bool:
        """Whether there is something to read, the end of the connection included, within ``seconds``."""
        return bool(self._poll.poll(seconds * 1000))

    def wait(self) -> tuple[bool, bool]:
        """Wait until there is something to read, or room to send: whether there is the one, and the other."""
        events = self._await(select.POLLIN | select.POLLOUT)
        return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)

    def at_rest(self) -> None:
        """Forget the deadline of the request that is done."""
        self.deadline = None

    def close(self) -> None:
        """Close the socket."""
        if self._pid == getpid():
            # A child that was forked meanwhile has the socket too: close() alone would tell the backend nothing.
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # ended by the other side, or closed before
        self.sock.close()

    def _await_answer(self, give_up: float) -> None:
        left = give_up - monotonic()
        if left <= 0 or not self._poll.poll(left * 1000):
            late = self.deadline is not None and give_up >= self.deadline
            raise TimedOut("total_timeout has passed" if late else "the upstream sent nothing in time")

    def _put(self, data: bytes | memoryview) -> int:
        try:
            return self.sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise NoAnswer(f"the connection broke while the request was sent ({error})") from error

    def _put_rest(self, data: memoryview) -> None:
        while data:
            self._await(select.POLLOUT)
            data = data[self._put(data) :]

    def _await(self, wanted: int) -> int:
        """Wait for events; ``TimedOut`` where sending is what is waited for."""
        self._poll.modify(self.sock, wanted)
        try:
            ready = self._poll.poll(self._patience() * 1000)
        finally:
            self._poll.modify(self.sock, select.POLLIN)
        if not ready:
            raise TimedOut("the upstream did not take the request in time")
        return ready[0][1]

    def _patience(self) -> float:
        """Seconds that may be waited from now."""
        if self.deadline is None:
            return self._timeout
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimedOut("total_timeout has passed")
        return min(left, self._timeout)


def connect(address: Address, timeout: float) -> socket.socket:
    """A socket connected to ``address``: every address of a name is tried, all within ``timeout`` seconds."""
    give_up = monotonic() + timeout
    failure: OSError | None = None
    try:
        for family, target in _candidates(address):
            left = give_up - monotonic()
            if left <= 0:
                break
            try:
                return _connected(family, target, left)
            except OSError as error:
                failure = error
        if failure is None or isinstance(failure, TimeoutError):
            raise ConnectTimedOut(f"no connection within {timeout:g} s") from failure
        raise Unreachable(f"no connection ({failure})") from failure
    finally:
        del failure  # it knows this frame: a cycle, and with it all who called


def _connected(family: int, target: Any, timeout: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(target)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:  # also a greenlet that is killed meanwhile
        sock.close()
        raise
    return sock


def _candidates(address: Address) -> list[tuple[int, Any]]:
    if address.path:
        return [(socket.AF_UNIX, address.path)]
    if address.literal is not None:
        return [address.literal]
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"{address.host} has no address ({error})") from error
    return [(family, target) for family, _, _, _, target in found]
