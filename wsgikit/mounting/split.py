"""Several versions of one app, each with its share of the requests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING

from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.core.middleware import Application
from wsgikit.core.process import PerProcess
from wsgikit.http.cookies import value_of
from wsgikit.http.networks import UNIX_PEERS
from wsgikit.mounting.smooth import SmoothOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Identify = Callable[[WSGIEnvironment], str]

_KEYS = ("random", "client_ip", "cookie:")


class Split(Application):
    """Hands each request to one of several apps, in the proportion of their weights.

    - ``apps``: apps and weights, numbers of any scale: ``{stable: 95, canary: 5}`` sends every twentieth request to the
      canary. A weight of 0 takes none.
    - ``key`` (``"random"``): draws anew for each request, in a smooth order that is exact over each run of as many
      requests as the weights add up to (in each process). ``"client_ip"`` keeps a client with one app, by a hash of
      REMOTE_ADDR, which `TrustedProxies` further out makes the true client's; ``"cookie:NAME"`` by the cookie's value,
      which has to be there already: ``Split`` sets none. Changing a weight moves no more clients than it has to. A
      request without address or cookie is drawn as with ``"random"``.
    """

    def __init__(self, apps: Mapping[WSGIApplication, int | float], *, key: str = "random") -> None:
        self.apps = _checked(apps)
        self.key = key
        self._identify = _identifier(key)
        self._choices = [app for app, weight in apps.items() if weight]
        self._weights = [(place, weight) for place, weight in enumerate(apps.values()) if weight]
        self._order = PerProcess(partial(SmoothOrder, [weight for _, weight in self._weights]))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        identity = self._identify(environ) if self._identify else ""
        drawn = self._by_hash(identity) if identity else self._order.get().draw()
        return self._choices[drawn](environ, start_response)

    def children(self) -> Iterable[tuple[str, WSGIApplication]]:
        """The apps by weight."""
        return [(str(weight), app) for app, weight in self.apps.items()]

    def _by_hash(self, identity: str) -> int:
        """The winner of a weighted rendezvous: the same in every process, on every machine.

        Each app waits a time that the hash draws from an exponential distribution, its weight the rate; the first to be
        done wins. A change of one weight changes the times of that app alone.
        """
        text = identity.encode("utf-8", "surrogatepass")
        times = [_waiting(text, place) / weight for place, weight in self._weights]
        return times.index(min(times))


def _waiting(text: bytes, place: int) -> float:
    digest = blake2b(text, digest_size=8, salt=place.to_bytes(8, "big")).digest()
    return -math.log((int.from_bytes(digest, "big") + 1) / 2**64)


def _checked(apps: Mapping[WSGIApplication, int | float]) -> dict[WSGIApplication, int | float]:
    wanted = "a dict of apps and weights, such as {stable: 95, canary: 5}"
    if not isinstance(apps, Mapping):
        raise wrong_type("Split", "apps", apps, wanted)
    for app, weight in apps.items():
        if not callable(app):
            raise wrong_type("Split", "apps", app, "its keys are WSGI apps")
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise wrong_type("Split", f"apps[{app!r}]", weight, "a weight is a number")
        if not 0 <= weight < math.inf:
            raise wrong_value("Split", f"apps[{app!r}]", weight, "a weight is 0 or more")
    if not any(apps.values()):
        raise wrong_value("Split", "apps", apps, f"{wanted}, one of them above 0")
    return dict(apps)


def _identifier(key: str) -> Identify | None:
    """What tells one client from another, None where nothing has to."""
    if not isinstance(key, str):
        raise wrong_type("Split", "key", key, 'one of "random", "client_ip" and "cookie:NAME"')
    if key == "random":
        return None
    if key == "client_ip":
        return _address
    kind, _, name = key.partition(":")
    if kind == "cookie" and valid_name(name):
        return partial(_cookie, name)
    hint = suggestion(key if not name else f"{kind}:", _KEYS)
    raise wrong_value("Split", "key", key, f'one of "random", "client_ip" and "cookie:NAME"{hint}')


def _address(environ: WSGIEnvironment) -> str:
    address = environ.get("REMOTE_ADDR")
    return "" if address is None or address in UNIX_PEERS else address


def _cookie(name: str, environ: WSGIEnvironment) -> str:
    return value_of(environ.get("HTTP_COOKIE", ""), name)
