"""Which addresses are meant: networks by CIDR, by name, or listed in a file.

Each distinct address is looked up once and remembered, so that a request costs one look in a dict.
A lookup is one set membership for each prefix length in use, however many networks are listed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.http.address import numbered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network, IPv6Network

NAMED = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    # Private use (RFC 1918, RFC 4193) and link-local (RFC 3927, RFC 4291), as in ipaddress' is_private.
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"),
}

# REMOTE_ADDR of a peer on a unix socket: nothing or "" (gunicorn, granian, cheroot, gevent, hypercorn), "unix:"
# (nginx), "unix" (eventlet), "localhost" (waitress), "<local>" (werkzeug).
UNIX_PEERS = frozenset({None, "", "unix:", "unix", "localhost", "<local>"})

_REMEMBERED = 4096  # distinct addresses; some 400 KB at most
_RECHECK = 1.0  # seconds between two looks at whether an @file has changed

_log = logging.getLogger("wsgikit.networks")


class Networks:
    """A set of networks to ask about an address: ``Networks(["10.0.0.0/8", "unix"]).contains("10.1.2.3")``.

    ``texts``: one text or several, each a CIDR or a single address, ``"loopback"``, ``"private"``, ``"unix"``
    (a peer on a unix socket), or ``"@path"``: a file with one of these on each line and comments after ``#``.
    A file is read again when it changes (looked at once a second); while it cannot be read, the last good list stays in
    force, and the logger ``wsgikit.networks`` says so. ``layer`` and ``option`` name who asks, for error messages.
    Raises ``ValueError`` for a text that names no network, ``TypeError`` for what is no text.

    ``changing`` says whether the networks may change while the process lives: whether some come from a file.
    """

    def __init__(
        self, texts: str | Iterable[str], *, layer: str = "Networks", option: str = "networks"
    ) -> None:
        self.texts = tuple(_listed(texts, layer, option))
        self._layer, self._option = layer, option
        self._files = [text[1:] for text in self.texts if text.startswith("@")]
        self.changing = bool(self._files)
        self._generation = 0
        self._checked = monotonic()
        self._stamps = self._stamp()
        self._table = self._read()

    def __repr__(self) -> str:
        return f"Networks({list(self.texts)!r})"

    def contains(self, text: str | None) -> bool:
        """Whether the address (a REMOTE_ADDR; None where there is none) lies in one of the networks."""
        if self._files:
            self.generation()
        table = self._table
        known = table.known.get(text)
        return table.look(text) if known is None else known

    def generation(self) -> int:
        """Grows when a file has brought a new list: what was derived from the old one is to be thrown away then."""
        if monotonic() - self._checked > _RECHECK:
            self._reread()
        return self._generation

    def _read(self) -> _Table:
        table = _Table()
        for text in self.texts:
            if not text.startswith("@"):
                table.add(text, self._layer, self._option)
                continue
            try:
                lines = list(_lines(text[1:]))
            except (OSError, UnicodeDecodeError) as error:
                raise wrong_value(
                    self._layer, self._option, text, f"a file that can be read ({error})"
                ) from None
            for number, line in lines:
                table.add(line, self._layer, f"{self._option}={text!r}, line {number}")
        return table

    def _stamp(self) -> list[tuple[int, int, int] | None]:
        """What tells one state of the files from another."""
        return [_state(path) for path in self._files]

    def _reread(self) -> None:
        self._checked = monotonic()
        stamps = self._stamp()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self._table = self._read()
            self._generation += 1
        except ValueError as error:
            _log.warning("%s; the last good list stays in force", error)


_WANTED = (
    'a CIDR such as "10.0.0.0/8", an address, "loopback", "private", "unix", or "@file" with a list of them'
)


class _Table:
    """Networks ready to be asked: for each IP version and prefix length, the set of prefixes."""

    def __init__(self) -> None:
        # For each version: the bits after a prefix, and the prefixes that have so many.
        self._prefixes: dict[int, dict[int, set[int]]] = {4: {}, 6: {}}
        self._unix = False
        self.known: dict[str | None, bool] = {}

    def add(self, text: str, layer: str, option: str) -> None:
        if text == "unix":
            self._unix = True
            return
        for cidr in NAMED.get(text, (text,)):
            network = _network(cidr, layer, option)
            host_bits = network.max_prefixlen - network.prefixlen
            prefixes = self._prefixes[network.version].setdefault(host_bits, set())
            prefixes.add(int(network.network_address) >> host_bits)

    def look(self, text: str | None) -> bool:
        found = self._look(text)
        if len(self.known) >= _REMEMBERED:  # many strangers; starting over is cheaper than keeping order
            self.known.clear()
        self.known[text] = found
        return found

    def _look(self, text: str | None) -> bool:
        if text is None or text in UNIX_PEERS:
            return self._unix
        address = numbered(text)
        if address is None:
            return False
        version, number = address
        for host_bits, prefixes in self._prefixes[version].items():  # noqa: SIM110 - any() costs twice as much
            if number >> host_bits in prefixes:
                return True
        return False


def _listed(texts: object, layer: str, option: str) -> list[str]:
    if isinstance(texts, str):
        return [texts]
    if isinstance(texts, bytes) or not isinstance(texts, Iterable):
        raise wrong_type(layer, option, texts, f"{_WANTED}; or several of these")
    listed = list(texts)
    for text in listed:
        if not isinstance(text, str):
            raise wrong_type(layer, option, text, _WANTED)
    return listed


def _network(cidr: str, layer: str, option: str) -> IPv4Network | IPv6Network:
    from ipaddress import IPv4Network, IPv6Network, ip_network

    try:
        network = ip_network(cidr)
    except ValueError:
        raise wrong_value(layer, option, cidr, _WANTED + _hint(cidr)) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((int(mapped), network.prefixlen - 96))
    return network


def _hint(cidr: str) -> str:
    """What was probably meant."""
    from ipaddress import ip_network

    try:
        return (
            f"; {cidr} has bits set beyond its prefix, did you mean {str(ip_network(cidr, strict=False))!r}?"
        )
    except ValueError:
        return suggestion(cidr, [*NAMED, "unix"])


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """The entries of a list, each with its line number."""
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            entry = line.partition("#")[0].strip()
            if entry:
                yield number, entry


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
