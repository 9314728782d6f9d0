"""Sticky clients: a signed cookie that says which backend a client belongs to, and says nothing else to anybody.

What a backend's cookie holds depends on its URL and the secret alone. So it is computed once for each backend, not for
each request; it is recognised by comparing, so that a forged one costs nothing and is as good as none; and it outlives
restarts and is understood by every process and machine that has the secret.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsgikit.core.component import Component
from wsgikit.core.environ import scheme
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.core.units import seconds
from wsgikit.http.cookies import value_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from wsgiref.types import WSGIEnvironment

    from itsdangerous import Signer

    from wsgikit.forwarding.balancing.policies import C

    Secret = str | bytes

_WANTED = "text or bytes (secrets.token_hex(32) makes some), or a list of them, none empty"

# Characters of 6 bits: that two of a million backends share a name has a chance of 1 in 10**17.
_NAME_LENGTH = 16

_REMEMBERED = 4096  # backends; some 300 bytes each


class Sticky(Component):
    """Keeps each client with the backend that answered it first, by a signed cookie, while that one can be used.

    - ``cookie``: the name of the cookie.
    - ``secret``: text or bytes that nobody else knows (``secrets.token_hex(32)`` makes one; whoever guesses it can
      choose a backend), the same in all processes and after restarts. Or a list of them, the newest first: cookies
      signed with an older one still hold, so that a secret can be changed without moving anybody.
    - ``max_age``: how long a browser keeps the cookie, in seconds, or text like ``"1d"`` (default None: until it is
      closed).

    The cookie is for the whole site (``Path=/``), unseen by scripts (``HttpOnly``), not sent along from other sites
    (``SameSite=Lax``), and ``Secure`` where the request came over https or the name begins with ``__Host-`` or
    ``__Secure-``, which browsers refuse otherwise. It names the backend by a keyed hash. A cookie that is forged, or
    names a backend that is gone or down, counts as none: the policy chooses.

    Raises ``ValueError`` or ``TypeError`` for an option that will not do, ``ImportError`` without itsdangerous (extra
    ``sticky``).
    """

    def __init__(
        self, cookie: str, *, secret: Secret | Sequence[Secret], max_age: float | str | None = None
    ) -> None:
        self.cookie = _cookie_name(cookie)
        self.secret = secret
        self.max_age = None if max_age is None else _max_age(max_age)
        names, values = (f"wsgikit.sticky.{part}.{cookie}" for part in ("name", "value"))
        self._signers = [(_signer(key, names), _signer(key, values)) for key in _keys(secret)]
        self._values = lru_cache(_REMEMBERED)(self._signed)
        self._secure = cookie.lower().startswith(("__host-", "__secure-"))  # RFC 6265bis section 4.1.3
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax"
        if self.max_age is not None:
            self._attributes += f"; Max-Age={self.max_age:.0f}"

    def options(self) -> dict[str, Any]:
        """What was passed to the constructor, except for the secret."""
        return {**self._passed, "secret": "[hidden]"}

    def chosen(self, environ: WSGIEnvironment, backends: Sequence[C]) -> C | None:
        """The one of ``backends`` that the client is bound to, None if it is not among them."""
        value = value_of(environ.get("HTTP_COOKIE") or "", self.cookie)
        if value:
            values = self._values
            for backend in backends:
                if value in values(backend.url):
                    return backend
        return None

    def cookie_for(self, backend_url: str, environ: WSGIEnvironment) -> tuple[str, str]:
        """The header of the answer that binds the client to a backend."""
        newest = next(iter(self._values(backend_url)))
        secure = "; Secure" if self._secure or scheme(environ) == "https" else ""
        return "Set-Cookie", f"{self.cookie}={newest}{self._attributes}{secure}"

    def _signed(self, url: str) -> dict[str, None]:
        """What the cookie of a backend may hold: its name, signed with each secret, the newest first.

        Looked up by hash, so that the time it takes does not tell how much of a forged one is right.
        """
        names = [(values, signer.get_signature(url)[:_NAME_LENGTH]) for signer, values in self._signers]
        return {values.sign(name).decode("ascii"): None for values, name in names}


def _cookie_name(name: str) -> str:
    if not isinstance(name, str):
        raise wrong_type("Sticky", "cookie", name, "the name of a cookie")
    if not valid_name(name):
        raise wrong_value(
            "Sticky", "cookie", name, 'a name without spaces and without any of ()<>@,;:\\"/[]?={}'
        )
    return name


def _max_age(value: float | str) -> float:
    age = seconds("Sticky", "max_age", value)
    if age < 1:
        raise wrong_value("Sticky", "max_age", value, "a second or more; less would delete the cookie")
    return age


def _keys(secret: Secret | Sequence[Secret]) -> list[bytes]:
    """The secrets as bytes, the newest first; the errors do not show them."""
    listed = [secret] if isinstance(secret, str | bytes) else secret
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str | bytes) for one in listed):
        raise TypeError(f"Sticky: secret=[hidden] ({type(secret).__name__}) will not do: {_WANTED}")
    keys = [one.encode("utf-8", "surrogatepass") if isinstance(one, str) else one for one in listed]
    if not keys or not all(keys):
        raise ValueError(f"Sticky: secret=[hidden] (empty) will not do: {_WANTED}")
    return keys


def _signer(key: bytes, salt: str) -> Signer:
    try:
        itsdangerous = import_module("itsdangerous")
    except ImportError as error:
        raise ImportError("Sticky: itsdangerous is not installed; wsgikit[sticky] brings it") from error
    signer: Signer = itsdangerous.Signer(key, salt, digest_method=sha256)
    return signer
