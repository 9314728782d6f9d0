"""SRV records (RFC 2782): where a service listens, in which order and share, and for how long that holds."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from wsgikit.core.component import Component
from wsgikit.forwarding.discovery.lookup import LookupFailed, distinct
from wsgikit.forwarding.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dns.rdtypes.IN.SRV import SRV
    from dns.resolver import Resolver

SHORTEST, LONGEST = 1.0, 300.0
"""Seconds until the next look-up, whatever the records say: a TTL of 0 must not keep the resolver busy, and one of a
day would hold a mistake for that long."""

_SCHEMES = ("http", "https", "uwsgi", "scgi", "fcgi")
_NAME = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.)*[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.?")
_SMALL = 100  # a weight of 0 is this part of the smallest one beside it: "a very small chance" (RFC 2782)


class Service(Component):
    """Looks up the SRV records of ``name``, again when their TTL is over (at least 1, at most 300 seconds).

    - ``name``: such as ``_http._tcp.app.internal``. Its first label says what the targets speak: ``_https``,
      ``_uwsgi``, ``_scgi`` and ``_fcgi`` what they are called, anything else HTTP. The system's search list applies.
    - ``resolver``: a ``dns.resolver.Resolver`` (default None: one made from the system's settings at each look-up, as
      those change when a machine moves between networks).

    Targets of the lowest priority number are the upstreams, all others their backups; a target of ``.`` means that
    there is none (RFC 2782). The target is also the Host, and the name its certificate must have. Raises ``ValueError``
    for a name that is none, ``ImportError`` without dnspython (extra ``dns``).
    """

    replaces = False

    def __init__(self, name: str, *, resolver: Resolver | None = None) -> None:
        if not _NAME.fullmatch(name) or len(name) > 253:
            raise ValueError('a name such as "srv:_http._tcp.app.internal"')
        self.name = name
        self.resolver = resolver
        label = name.partition(".")[0].removeprefix("_").lower()
        self._scheme = label if label in _SCHEMES else "http"
        _dnspython()

    def __str__(self) -> str:
        return f"resolve={'srv:' + self.name!a}"

    def look_up(self) -> tuple[list[Upstream], float]:
        """One upstream per target and port."""
        dns = _dnspython()
        try:
            resolver = self.resolver or dns.resolver.Resolver()
            answer = resolver.resolve(self.name, "SRV", search=True)
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(str(error) or type(error).__name__) from error
        try:
            found = self._upstreams(answer)
        except ValueError as error:
            raise LookupFailed(str(error)) from error
        # The least TTL: of the records, and of the aliases that led to them.
        return found, min(max(float(answer.chaining_result.minimum_ttl), SHORTEST), LONGEST)

    def _upstreams(self, records: Iterable[SRV]) -> list[Upstream]:
        listed = [one for one in records if one.target.to_text() != "."]
        listed.sort(key=lambda one: (one.priority, self._url(one)))
        found: list[Upstream] = []
        for _, tier in groupby(listed, key=lambda one: one.priority):
            of_tier, backup = list(tier), bool(found)
            least = min((one.weight for one in of_tier if one.weight), default=_SMALL)
            for one in of_tier:
                weight = one.weight or least / _SMALL
                found.append(Upstream(self._url(one), weight=weight, backup=backup))
        return distinct(found)

    def _url(self, record: SRV) -> str:
        host = record.target.to_text(omit_final_dot=True).lower()  # caches answer in whatever case they like
        return f"{self._scheme}://{host}:{record.port}"


def _dnspython() -> Any:
    """The package ``dns``, loaded on first use: it takes 75 ms, and few look up SRV records."""
    try:
        import dns.exception
        import dns.resolver
    except ImportError as error:
        raise ImportError("resolve='srv:NAME': dnspython is not installed; wsgikit[dns] brings it") from error
    return dns
