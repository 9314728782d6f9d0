"""TLS: how backends behind ``https://`` are made sure of, and how we show who we are.

``ssl`` is imported where it is used: a proxy without TLS does not pay for it, and gevent's monkey-patching may come
late.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, cast

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.units import flag
from wsgikit.forwarding.upstream import literal

if TYPE_CHECKING:
    import ssl
    from os import PathLike

_MINIMUM = {"1.2": "TLSv1_2", "1.3": "TLSv1_3"}

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")

# What OpenSSL finds in a directory: the hash of a subject, and a number to tell two of them apart.
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


class TLS(Component):
    """Verifies the certificate of a backend, and shows it one of ours where it asks: ``TLS(ca="/etc/internal.pem")``.

    - ``ca``: those who may vouch for the backend: a PEM file, or a directory of them named by hash (``openssl
      rehash``). Default: the ones the system trusts.
    - ``cert``: the certificate we show to a backend that asks for one, a PEM file with the chain below it (default:
      none).
    - ``key``: its private key, a PEM file without a passphrase (default: it is in the file of ``cert``).
    - ``server_name``: the name that is asked for (SNI) and that the certificate must have (default: the host in the
      upstream's URL). Needed where the URL has an IP address or a unix socket and the certificate a name.
    - ``verify``: whether the certificate is looked at (default True). False takes whoever answers for the backend.
    - ``minimum``: the oldest version of TLS that will do, ``"1.2"`` (default: what is older is broken, RFC 8996) or
      ``"1.3"``.

    Files are read here and now, and not again. Raises ``ValueError`` or ``TypeError`` for a file or option that will
    not do.
    """

    def __init__(
        self,
        *,
        ca: str | PathLike[str] | None = None,
        cert: str | PathLike[str] | None = None,
        key: str | PathLike[str] | None = None,
        server_name: str | None = None,
        verify: bool = True,
        minimum: str = "1.2",
    ) -> None:
        self.ca = _path("ca", ca)
        self.cert = _path("cert", cert)
        self.key = _path("key", key)
        if key is not None and cert is None:
            raise wrong_value("TLS", "key", key, "the key of a certificate, which cert= names")
        self.server_name = _server_name(server_name)
        self.verify = flag("TLS", "verify", verify)
        if not isinstance(minimum, str) or minimum not in _MINIMUM:
            raise wrong_choice("TLS", "minimum", minimum, _MINIMUM)
        self.minimum = minimum
        self._loaded = None if ca is None and cert is None else self.context()

    def loaded(self) -> ssl.SSLContext:
        """The context that the constructor has made of the files as they were, for all connections.

        A process that has given up its rights since may not be able to read them any more.
        """
        if self._loaded is None:
            self._loaded = self.context()
        return self._loaded

    def context(self) -> ssl.SSLContext:
        """A new context for connections to backends; reads the files again."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion[_MINIMUM[self.minimum]]
        context.options |= ssl.OP_NO_RENEGOTIATION  # as nginx does: a request never meets a second handshake
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # ca= may be the backend's own certificate
        context.hostname_checks_common_name = False  # only subjectAltName is (RFC 9525 section 2)
        context.set_alpn_protocols(["http/1.1"])
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.ca is not None:
            _trust(context, self.ca)
        elif self.verify:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if self.cert is not None:
            _show(context, self.cert, self.key)
        return context


def checked(owner: str, value: object) -> TLS | ssl.SSLContext:
    """The ``tls=`` of a layer, if it will do; None means ``TLS()``."""
    wanted = "a TLS, or an ssl.SSLContext for the client's side"
    if value is None:
        return TLS()
    if isinstance(value, TLS):
        return value
    if not hasattr(value, "wrap_bio"):  # a context made before gevent's monkey-patching is none by its class
        raise wrong_type(owner, "tls", value, wanted)
    context = cast("ssl.SSLContext", value)
    if context.protocol.name == "PROTOCOL_TLS_SERVER":
        raise wrong_value(owner, "tls", value, wanted)
    return context


def _path(option: str, value: object) -> str | None:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if value is not None and not isinstance(value, str):
        raise wrong_type("TLS", option, value, "the path of a PEM file, or None")
    return value


def _server_name(value: object) -> str | None:
    wanted = 'a host name such as "app.internal", or an IP address'
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type("TLS", "server_name", value, wanted)
    if not _NAME.fullmatch(value) and literal(value, 0) is None:
        raise wrong_value("TLS", "server_name", value, wanted)
    return value


def _trust(context: ssl.SSLContext, ca: str) -> None:
    try:
        if not os.path.isdir(ca):
            context.load_verify_locations(cafile=ca)
            return
        names = os.listdir(ca)
    except OSError as error:  # ssl.SSLError is one
        wanted = f"a readable PEM file of certificates, or a directory of them ({_reason(error)})"
        raise wrong_value("TLS", "ca", ca, wanted) from None
    # OpenSSL looks into it at the first handshake, and says nothing of names that it does not understand.
    if not any(map(_HASHED.fullmatch, names)):
        raise wrong_value("TLS", "ca", ca, 'a directory of certificates named by hash ("openssl rehash")')
    context.load_verify_locations(capath=ca)


def _show(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    holder, holds = ("cert", cert) if key is None else ("key", key)

    def passphrase() -> str:  # or OpenSSL asks for it at the terminal
        raise wrong_value("TLS", holder, holds, "a key without a passphrase")

    for option, path in {"cert": cert, holder: holds}.items():
        _must_open(option, path)
    try:
        context.load_cert_chain(cert, key, passphrase)
    except OSError as error:
        with_key = (
            "with its key in it, or in the file of key=" if key is None else "with the key that key= names"
        )
        raise wrong_value("TLS", "cert", cert, f"a PEM certificate {with_key} ({_reason(error)})") from None


def _must_open(option: str, path: str) -> None:
    """OpenSSL does not say which of two files it could not open."""
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise wrong_value("TLS", option, path, f"a readable PEM file ({_reason(error)})") from None


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or "unreadable"
