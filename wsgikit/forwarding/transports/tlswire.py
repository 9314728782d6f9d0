"""A TLS connection to a backend: a wire whose bytes pass through OpenSSL on their way.

OpenSSL is given buffers instead of the socket. So all waiting is done by ``Wire``, with its limits, and gevent's
monkey-patching finds the socket it knows. What a record holds is taken out as soon as the record is whole: nothing
that could be read is ever hidden inside OpenSSL, where ``poll`` does not see it.

An end of the connection that the backend has not announced (close_notify) may be anybody's doing. It is treated like
a reset: no body that ends with the connection is whole then (RFC 9112 section 9.8, RFC 8446 section 6.1).
"""

from __future__ import annotations

import select
import ssl
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING

from wsgikit.forwarding.errors import ConnectTimedOut, ForwardingError, NoAnswer, NotTrusted, Unreachable
from wsgikit.forwarding.transports.wire import BLOCK, Wire, connect

if TYPE_CHECKING:
    import socket

    from wsgikit.forwarding.upstream import Address

RECORD = 16384
"""Bytes that a record holds at most (RFC 8446 section 5.1)."""

_SPOKEN = (None, "http/1.1", "http/1.0")


class TLSWire(Wire):
    """A socket, once the handshake is done, that is read and written through TLS."""

    __slots__ = (
        "_arrived",
        "_ended",
        "_failure",
        "_heard",
        "_incoming",
        "_outgoing",
        "_owed",
        "_tls",
        "_unsent",
    )

    def __init__(self, sock: socket.socket, read_timeout: float, engine: Engine) -> None:
        super().__init__(sock, read_timeout)
        self._tls, self._incoming, self._outgoing = engine.tls, engine.incoming, engine.outgoing
        self._arrived = b""  # read, and not yet asked for
        self._ended = False
        self._failure: ForwardingError | None = None
        self._heard = False
        self._unsent = memoryview(b"")  # what is left of the records that are being sent
        self._owed = 0  # the size of the data in them
        self._decrypt()  # what came together with the end of the handshake

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        while not self.send_some(data):
            self._await(select.POLLOUT)

    def send_some(self, data: bytes | memoryview) -> int:
        """Send what the socket takes now, and give the size of what is through; 0 asks for the same data again.

        A record cannot be taken back: data counts as sent when the last byte of its last record is.
        """
        if not self._unsent:
            self._owed = self._encrypt(data)
            self._unsent = memoryview(self._outgoing.read())
        self._unsent = self._unsent[super().send_some(self._unsent) :]
        return 0 if self._unsent else self._owed

    def receive(self) -> bytes:
        """What has come, as soon as a record is whole; ``b""`` when the other side has said that it closes."""
        while not self._held():
            self._take(super().receive())
        if self._arrived:
            data, self._arrived = self._arrived, b""
            return data
        if self._failure is not None:
            raise self._failure
        return b""

    def readable(self, seconds: float = 0.0) -> bool:
        """Whether ``receive`` would return at once, within ``seconds``.

        Session tickets come at any time after the handshake (RFC 8446 section 4.6.1), and are no data.
        """
        if self._held():
            return True
        give_up = monotonic() + seconds
        while super().readable(max(give_up - monotonic(), 0.0)):
            self._pull()
            if self._held():
                return True
        return False

    def wait(self) -> tuple[bool, bool]:
        """Wait until there is something to read, or room to send; neither where what came was half a record."""
        if self._held():
            return True, False
        readable, writable = super().wait()
        if readable:
            self._pull()
        return self._held(), writable

    def close(self) -> None:
        """Say that we close, if that can be said without waiting, and close the socket."""
        # Not in a fork, which has the socket of its parent, and not in the middle of a record.
        if self.sock.fileno() >= 0 and not self._unsent and self._pid == getpid():
            try:
                self._say_goodbye()
            except OSError:
                pass  # it is gone, or takes nothing
        super().close()

    def _say_goodbye(self) -> None:
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # close_notify is in the buffer, and the other side's is not waited for
        self.sock.send(self._outgoing.read())

    def _held(self) -> bool:
        """Whether ``receive`` has something to say without waiting."""
        return bool(self._arrived) or self._ended

    def _pull(self) -> None:
        """Take what the socket has; what goes wrong is kept for ``receive``."""
        try:
            data = super().receive()
        except ForwardingError as error:
            self._end(error)
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
            self._decrypt()
        else:
            self._end(NoAnswer("the connection was closed without a close_notify"))

    def _decrypt(self) -> None:
        """Move what whole records hold to ``_arrived``, which is empty."""
        tls = self._tls
        pieces: list[bytes] = []
        try:
            while self._incoming.pending or tls.pending():
                piece = tls.read(RECORD)
                if not piece:
                    self._end(None)
                    break
                pieces.append(piece)
                self._heard = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            refused = None if self._heard else _untrusted(error)
            self._end(refused or NoAnswer(f"TLS failed while the answer was awaited ({_reason(error)})"))
        self._arrived = pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _end(self, failure: ForwardingError | None) -> None:
        """Nothing comes any more."""
        self._ended = True
        self._failure = failure

    def _encrypt(self, data: bytes | memoryview) -> int:
        try:
            return self._tls.write(data)
        except ssl.SSLError as error:
            raise NoAnswer(f"TLS failed while the request was sent ({_reason(error)})") from error


class Engine:
    """OpenSSL's side of one connection, and the buffers it reads from and writes to."""

    __slots__ = ("incoming", "outgoing", "tls")

    def __init__(self, context: ssl.SSLContext, server_name: str) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        try:
            self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=server_name)
        except ValueError as error:  # a name that none can have, such as "a..b"
            raise Unreachable(f"no TLS connection to {server_name!a} ({error})") from error

    def shake_hands(self, sock: socket.socket, give_up: float) -> None:
        """Do the handshake before ``give_up``, on the monotonic clock."""
        while not self._step(sock):
            sock.settimeout(_left(give_up))
            data = sock.recv(BLOCK)
            if not data:
                raise Unreachable("the connection was closed in the middle of the TLS handshake")
            self.incoming.write(data)
        chosen = self.tls.selected_alpn_protocol()
        if chosen not in _SPOKEN:
            raise Unreachable(f"the backend speaks {chosen!a}")  # a context of the user's own has offered it

    def _step(self, sock: socket.socket) -> bool:
        """Go as far as OpenSSL can with what has come, tell the other side, and say whether the handshake is done."""
        try:
            self.tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        except ssl.SSLError as error:
            self._send_alert(sock)
            raise _untrusted(error) or Unreachable(f"no TLS connection ({_reason(error)})") from error
        if self.outgoing.pending:
            sock.sendall(self.outgoing.read())
        return done

    def _send_alert(self, sock: socket.socket) -> None:
        """Tell the other side what is wrong, for its log, if it takes that without waiting."""
        try:
            sock.settimeout(0.0)
            sock.send(self.outgoing.read())
        except OSError:
            pass  # it is gone, and the reason is known here


def connect_tls(
    address: Address,
    timeout: float,
    read_timeout: float,
    context: ssl.SSLContext,
    server_name: str | None = None,
) -> TLSWire:
    """A wire to ``address``, connected and with the handshake done, both within ``timeout`` seconds.

    ``server_name`` is the name that is asked for and verified, where it is another than that of the address.
    Raises ``NotTrusted`` for a certificate that will not do, ours or theirs, ``ConnectTimedOut`` and ``Unreachable``.
    """
    give_up = monotonic() + timeout
    engine = Engine(context, (server_name or address.host or address.authority).rstrip("."))
    sock = connect(address, timeout)
    try:
        engine.shake_hands(sock, give_up)
        return TLSWire(sock, read_timeout, engine)
    except TimeoutError as error:
        sock.close()
        raise ConnectTimedOut(f"no TLS connection within {timeout:g} s") from error
    except OSError as error:
        sock.close()
        raise Unreachable(f"the TLS handshake broke off ({error})") from error
    except BaseException:  # ours, or a greenlet that is killed meanwhile
        sock.close()
        raise


def _left(give_up: float) -> float:
    left = give_up - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _untrusted(error: ssl.SSLError) -> NotTrusted | None:
    """What an error has to do with certificates: theirs, or an alert about ours.

    With TLS 1.3 the alert comes when the handshake is done long since for us, in the place of an answer.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotTrusted(f"the certificate was refused: {error.verify_message}")
    reason = error.reason or ""
    if "ALERT" in reason and ("CERTIFICATE" in reason or reason.endswith(("UNKNOWN_CA", "ACCESS_DENIED"))):
        return NotTrusted(f"our certificate, or the lack of one, was refused ({_reason(error)})")
    return None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
