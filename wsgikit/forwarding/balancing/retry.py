"""Retry: whether a request that failed is sent again, as a decision without I/O; Budget: whether that is affordable.

What is known when an attempt has failed, and what may be done about it:

- there was no connection: the backend knows nothing of the request, and any method may go elsewhere;
- it broke, or took too long, after that: the backend may have done what was asked, so only methods are repeated that
  may be (RFC 9110 section 9.2.2);
- some of a streamed body was read from the client: it is gone, and nothing can be sent again;
- some of the answer has reached the client: too late for anything. Nobody asks here then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from wsgikit.core.component import Component
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import valid_name
from wsgikit.core.units import whole
from wsgikit.forwarding.errors import (
    ConnectTimedOut,
    ForwardingError,
    NoneAvailable,
    NotForwardable,
    TimedOut,
    Unreachable,
)
from wsgikit.forwarding.health.window import Window
from wsgikit.forwarding.options import Statuses, share, status_codes
from wsgikit.http.methods import IDEMPOTENT

_UNSEEN = (Unreachable, ConnectTimedOut)
# The one is the client's fault; the other says that there is nobody to try, and whoever waits does so before.
_FUTILE = (NotForwardable, NoneAvailable)


class Retry(Component):
    """Sends a request again that got no answer: ``Retry(3, statuses=(502, 503))``.

    - ``attempts``: tries in all, the first among them (default 2; 1 switches retries off). Another upstream is tried
      first, where there is one, and a backup where all primaries were tried.
    - ``methods``: the methods that are repeated when the backend may have seen the request (default: the idempotent
      ones of RFC 9110: GET, HEAD, OPTIONS, TRACE, PUT, DELETE). Where no connection was made, any method is.
    - ``statuses``: answers after which such a request is sent again too, as codes or classes from 400 up (default none:
      an answer is handed on).
    - ``budget``: retries as a share of the requests of the last 10 s, from 0 up to 1 (default 0.2: when everything
      fails, the load grows by a fifth and not to the double). Up to 10 retries within that time are always
      allowed; only 0 switches retries off.

    Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        attempts: int = 2,
        *,
        methods: Collection[str] = IDEMPOTENT,
        statuses: Statuses = (),
        budget: float = 0.2,
    ) -> None:
        self.attempts = whole("Retry", "attempts", attempts)
        self.methods = methods
        self.statuses = statuses
        self.budget = share("Retry", "budget", budget, none=True)
        self._attempts = attempts if budget else 1
        self._methods = _method_names(methods)
        self._codes = status_codes("Retry", statuses)

    def again(self, error: ForwardingError, *, tries: int, method: str, begun: bool) -> bool:
        """Whether to send a request again that failed with ``error``.

        ``tries`` is how often it was sent, and ``begun`` whether any of a streamed body was read from the client.
        """
        if begun or tries >= self._attempts or isinstance(error, _FUTILE):
            return False
        return isinstance(error, _UNSEEN) or method in self._methods

    def answered(self, status: int, *, tries: int, method: str, begun: bool) -> bool:
        """Whether to send a request again that was answered with ``status``, instead of handing that on."""
        return status in self._codes and not begun and tries < self._attempts and method in self._methods

    @staticmethod
    def elsewhere_only(error: ForwardingError) -> bool:
        """Whether the same backend is not to be tried again: a second try would take as long as the first."""
        return isinstance(error, TimedOut)

    def state(self) -> Budget:
        """The budget of one proxy, to begin with."""
        return Budget(self.budget)


class Budget:
    """How many retries the requests of the last ``window`` seconds pay for: a ``share`` of them, or ``at_least``.

    Requests that go well are not counted here. Their owner has a number that only grows, and tells it now and then by
    ``saw``; a reading is kept for each tenth of the window. What came since the oldest reading within the window is
    certain to belong to it, and that is what pays.
    """

    __slots__ = ("_at_least", "_retries", "_seen", "_share", "_window")

    def __init__(self, share: float, window: float = 10.0, at_least: int = 10) -> None:
        self._share = share
        self._window = window
        self._at_least = at_least
        self._retries = Window(window)
        self._seen: deque[tuple[float, int]] = deque()

    def saw(self, requests: int, now: float) -> None:
        """There were this many ``requests`` so far.

        To be told in good times too, or an outage finds no record that pays. Every 64th request will do: fewer pay for
        about what is allowed anyway.
        """
        seen = self._seen
        while seen and seen[0][0] <= now - self._window:
            seen.popleft()
        if not seen or now - seen[-1][0] >= self._window / 10:
            seen.append((now, requests))

    def take(self, requests: int, now: float) -> bool:
        """Whether there may be a retry, which is then counted; there were this many ``requests`` so far."""
        if not self._share:
            return False
        self.saw(requests, now)
        lately = requests - self._seen[0][1]
        if self._retries.total(now) >= max(self._at_least, self._share * lately):
            return False
        self._retries.add(now)
        return True

    def __repr__(self) -> str:
        return (
            f"<Budget: {self._retries.last} spent of {self._share:g} of the requests, or of {self._at_least}>"
        )


def _method_names(methods: Collection[str]) -> frozenset[str]:
    wanted = 'names of methods, such as ("GET", "PUT")'
    if isinstance(methods, str | bytes) or not isinstance(methods, Collection):
        raise wrong_type("Retry", "methods", methods, wanted)
    for name in methods:
        if not isinstance(name, str):
            raise wrong_type("Retry", "methods", name, wanted)
        if not valid_name(name):
            raise wrong_value("Retry", "methods", name, wanted)
    return frozenset(name.upper() for name in methods)
