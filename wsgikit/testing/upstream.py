"""`ScriptedUpstream`: a backend on loopback that misbehaves on cue, and writes down all it was sent."""

from __future__ import annotations

import os
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Self

from wsgikit.testing import cues
from wsgikit.testing.peer import Gone, Insecure, Peer
from wsgikit.testing.received import Malformed, Received

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from wsgikit.testing.cues import Step


class ScriptedUpstream:
    """Answers HTTP/1.1 on a real socket by a script, and records requests and connections.

    - ``script``: one step for every request, or an iterable of steps, each for one request in the order in
      which they arrive on whatever connection; requests past its end are answered 500. A step is a function
      of the `Peer`; `wsgikit.testing.cues` builds them. Without a script each request is echoed as JSON.
    - ``on_connect``: a step for each connection as it is opened, before any request: ``cues.reset(reads="none")``.
    - ``host``: the address to listen on; the kernel picks the port.
    - ``unix``: the path of a Unix socket to listen on instead.
    - ``tls``: a context for the server's side: speaks TLS (``https``). ``on_connect`` comes before the handshake,
      so it can spoil it: ``cues.never_answer(reads="none")``, ``cues.cut_handshake()``, ``cues.raw(b"220 mail",
      reads="none")``.

    Used as a context manager; what a step raises comes out at its end. `requests` holds each `Received` as soon
    as its head is in, `connections` counts those opened, `faults` says which requests were not HTTP/1.1, and which
    handshakes failed.
    """

    def __init__(
        self,
        script: Step | Iterable[Step] | None = None,
        *,
        on_connect: Step | None = None,
        host: str = "127.0.0.1",
        unix: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.faults: list[str] = []
        self.failures: list[Exception] = []
        self.host = host
        self.port = 0
        self.unix = unix
        self.tls = tls
        self._on_connect = on_connect
        self._changed = threading.Condition()
        self._peers: dict[Peer, threading.Thread] = {}
        self._socket: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self._waker: socket.socket | None = None
        self._filler: socket.socket | None = None
        self.play(script)

    def __repr__(self) -> str:
        return (
            f"<ScriptedUpstream {self.url}: {len(self.requests)} requests, "
            f"{self.connections} connections, {self.open_connections} open, {len(self.faults)} faults>"
        )

    @property
    def url(self) -> str:
        """``http://host:port``, ``https://host:port`` or ``unix:/path``."""
        if self.unix:
            return f"unix:{self.unix}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._peers)

    def play(self, script: Step | Iterable[Step] | None) -> None:
        """Puts a new script in the place of what is left of the old one."""
        if script is None:
            script = cues.echo
        with self._changed:
            if callable(script):
                self._always: Step = script
                self._steps: Iterator[Step] = iter(())
            else:
                self._always = cues.answer(500, body=b"the script has no step for this request\n")
                self._steps = iter(tuple(script))

    def wait_for(self, predicate: Callable[[], object], timeout: float = 5.0) -> None:
        """Waits until the predicate is true; looked at whenever a request moves on or a connection changes."""
        with self._changed:
            if not self._changed.wait_for(predicate, timeout):
                raise AssertionError(f"not within {timeout} s: {self!r}, {self.requests!r}, {self.faults!r}")

    # ---- open and closed doors

    def start(self) -> None:
        """Binds and listens."""
        self._bind()
        self._listen()

    def refuse(self) -> None:
        """Stops listening, and keeps the port: connections are refused from here on, open ones stay."""
        self._stop_listening()
        self._bind()

    def stall(self) -> None:
        """Lets connections neither succeed nor fail: the queue is full and nobody accepts (Linux)."""
        self.refuse()
        assert self._socket is not None
        self._socket.listen(0)
        self._filler = socket.socket(self._socket.family)
        self._filler.connect(self._socket.getsockname())

    def accept(self) -> None:
        """Listens again after `refuse` or `stall`."""
        self._stop_listening()
        self.start()

    def drop(self) -> None:
        """Closes every open connection, idle or not, without a word."""
        for peer in list(self._peers):
            peer.drop()
        self.wait_for(lambda: not self._peers)

    def close(self) -> None:
        """Closes everything and waits for the threads to end."""
        self._stop_listening()
        threads = list(self._peers.values())
        self.drop()
        for thread in threads:
            thread.join()
        if self.unix and os.path.exists(self.unix):
            os.unlink(self.unix)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self.failures:
            raise self.failures[0]

    def _bind(self) -> None:
        if self.unix:
            if os.path.exists(self.unix):
                os.unlink(self.unix)
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.bind(self.unix)
            return
        self._socket = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((self.host, self.port))
        self.port = self._socket.getsockname()[1]

    def _listen(self) -> None:
        assert self._socket is not None
        self._socket.listen(128)
        self._socket.setblocking(False)
        self._waker, wake = socket.socketpair()
        self._accepting = threading.Thread(
            target=self._accept, args=(self._socket, wake), name=f"upstream {self.url}", daemon=True
        )
        self._accepting.start()

    def _stop_listening(self) -> None:
        if self._waker is not None and self._accepting is not None:
            self._waker.close()
            self._accepting.join()
        for sock in (self._socket, self._filler):
            if sock is not None:
                sock.close()
        self._waker = self._accepting = self._socket = self._filler = None

    # ---- in the threads

    def _accept(self, listener: socket.socket, wake: socket.socket) -> None:
        with wake, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while wake not in [key.fileobj for key, _ in selector.select()]:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    continue  # gone again before it was accepted
                self._welcome(sock)

    def _welcome(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # pieces leave as they are sent
        with self._changed:
            self.connections += 1
            peer = Peer(sock, self.connections, self._seen)
            thread = threading.Thread(
                target=self._serve, args=(peer,), name=f"upstream {self.url} #{peer.number}", daemon=True
            )
            self._peers[peer] = thread
            self._changed.notify_all()
        thread.start()

    def _serve(self, peer: Peer) -> None:
        try:
            if self._on_connect is not None:
                self._on_connect(peer)
            if self.tls is not None and not peer.closed:
                peer.secure(self.tls)
            while not peer.closed and peer.await_request():
                self._next_step()(peer)
                peer.end_exchange()
        except Gone:
            pass  # the other side is free to leave; what it had sent is in requests
        except (Insecure, Malformed) as fault:
            self._object(peer, fault)
        except Exception as failure:
            self.failures.append(failure)
        finally:
            peer.close()
            with self._changed:
                del self._peers[peer]
                self._changed.notify_all()

    def _next_step(self) -> Step:
        with self._changed:
            return next(self._steps, self._always)

    def _object(self, peer: Peer, fault: Insecure | Malformed) -> None:
        self.faults.append(str(fault))
        self._seen(None)
        try:
            if isinstance(fault, Insecure):
                peer.linger()  # so that the alert can be read
            else:
                peer.refuse(f"{fault}\n")
        except Gone:
            pass  # the fault is written down all the same

    def _seen(self, request: Received | None) -> None:
        with self._changed:
            if request is not None:
                self.requests.append(request)
            self._changed.notify_all()
