"""The addresses of upstreams that are names, each a backend of its own."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from wsgikit.core.component import Component
from wsgikit.forwarding import events
from wsgikit.forwarding.discovery.lookup import SOON, distinct
from wsgikit.forwarding.upstream import Upstream, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERVAL = 30.0
"""Seconds between two look-ups: getaddrinfo does not say how long its answer holds. Names of backends are commonly held
for 5 to 60 seconds (Kubernetes 30 at most, load balancers of clouds 60), so more would be late, and less in vain."""


class Addresses(Component):
    """Looks up every upstream that is a name, every 30 seconds; addresses and unix sockets stay as they are.

    A name that is not found keeps the addresses it had last, or if it had none remains a name, which each connection
    looks up for itself; so one bad name does not hold up the others, and nothing here fails.
    """

    replaces = True

    def __init__(self, *upstreams: Upstream) -> None:
        self.upstreams = upstreams
        self._last: dict[str, list[Upstream]] = {}
        self._troubles: dict[str, str] = {}

    def __str__(self) -> str:
        return "resolve='dns'"

    def look_up(self) -> tuple[list[Upstream], float]:
        """One upstream per address, in an order that does not change with that of the answers."""
        found = distinct(each for upstream in self.upstreams for each in self._at(upstream))
        return found, SOON if self._troubles else INTERVAL

    def _at(self, upstream: Upstream) -> list[Upstream]:
        if not is_name(upstream):
            return [upstream]
        url = upstream.url
        try:
            self._last[url] = [Resolved(upstream, ip) for ip in addresses(upstream.address.host)]
            self._troubles.pop(url, None)
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 characters
            self._report(upstream, str(error))
        return self._last.get(url, [upstream])

    def _report(self, upstream: Upstream, reason: str) -> None:
        if self._troubles.get(upstream.url) != reason:  # each trouble once, not at each look-up
            self._troubles[upstream.url] = reason
            kept = len(self._last.get(upstream.url, ()))
            events.not_resolved(self, f"{upstream.address.host}: {reason}", kept)


class Resolved(Upstream):
    """One address of an upstream that is a name: connections go to ``ip``, and all else is asked of the name.

    So Host, the name in the TLS handshake and the one the certificate is verified for stay; the URL has the address,
    which tells the backends of one name apart.
    """

    def __init__(self, upstream: Upstream, ip: str) -> None:
        own = self._passed
        vars(self).update(vars(upstream), _passed=own)
        address = upstream.address
        host = f"[{ip}]" if ":" in ip else ip
        port = address.authority.removeprefix(address.host)  # with its colon, or nothing
        self.address = address._replace(literal=literal(ip, address.port))
        self.url = f"{address.scheme}://{host}{port}{address.base}"


def is_name(upstream: Upstream) -> bool:
    """Whether its host has to be looked up."""
    return not upstream.address.path and upstream.address.literal is None


def addresses(host: str) -> list[str]:
    """The IP addresses of ``host`` in numerical order, IPv4 before IPv6; ``OSError`` if there are none."""
    found = sorted(set(_found(host)))
    if not found:
        raise OSError("no address but link-local ones, which need the name of an interface")
    return [ip for _, _, ip in found]


def _found(host: str) -> Iterator[tuple[int, bytes, str]]:
    # AI_ADDRCONFIG: where this machine has no IPv6 (or no IPv4), such addresses would be backends that are always down.
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    for family, _, _, _, sockaddr in answers:
        ip = str(sockaddr[0])
        if "%" not in ip:  # link-local: of an interface, and no URL has room for it
            yield family, socket.inet_pton(family, ip), ip
