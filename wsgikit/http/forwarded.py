"""What proxies say about the client: X-Forwarded-* and Forwarded (RFC 7239), believed as far as it is verified.

Every proxy appends to the right what it saw itself, so lists are read from the right: the last element is the word of
the peer, the one before it is the word of the host that the last one names, and so on as long as each host is
trusted. The first that is not is the client; what stands further left is what the client made up. Text that is
no address ends the walk there: to skip it would shift the count.

Reading from the right also keeps a lone quote harmless: ``"a, 203.0.113.9`` is one quoted string to a parser
that comes from the left, and hides the element that the proxy added.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from wsgikit.core.environ import DEFAULT_PORTS
from wsgikit.http.address import address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Trusted = Callable[[str], bool]

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?", re.ASCII)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+;=:@%-]+)*/?", re.ASCII)  # RFC 3986 path, no empty segments
_LONGEST = 1024  # characters in a set of headers that is worth remembering
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\\]")


class Claims(NamedTuple):
    """What trusted proxies say, each None where they say nothing usable; ``headers`` is what remains verified."""

    client: str | None = None
    scheme: str | None = None
    host: str | None = None
    port: str | None = None
    prefix: str | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 - a default nobody writes to


def members(text: str) -> Iterator[str]:
    """The members of a list, from the right, without the space around them; empty ones too."""
    end = len(text)
    while True:
        comma = text.rfind(",", 0, end)
        yield text[comma + 1 : end].strip(" \t")
        if comma < 0:
            return
        end = comma


def verified(addresses: Iterable[str | None], trusted: Trusted, hops: int | None = None) -> list[str]:
    """The addresses to be believed, nearest first, the client last; empty when the first is no address.

    ``addresses`` come from the right. ``hops`` caps how many are believed, trusted or not.
    """
    chain: list[str] = []
    for found in addresses:
        if found is None:
            break
        chain.append(found)
        if len(chain) == hops or not trusted(found):
            break
    return chain


def at_hop(text: str | None, hop: int) -> str | None:
    """The member that the proxy at ``hop`` added (0 is the peer): None where the list is shorter.

    A single value holds for every hop: most proxies set these headers rather than append to them.
    """
    if text is None:
        return None
    listed = text.split(",")
    if len(listed) == 1:
        return text.strip(" \t")
    return listed[-1 - hop].strip(" \t") if hop < len(listed) else None


def scheme(text: str | None) -> str | None:
    """``http`` or ``https``, or None: ``javascript`` is no scheme here, and neither is a list."""
    lowered = (text or "").lower()
    return lowered if lowered in DEFAULT_PORTS else None


def host(text: str | None) -> str | None:
    """A host, with a port if it has one, that can stand in a URL as it is; else None."""
    match = _HOST.fullmatch(text or "")
    if match is None or (match[1] is not None and port(match[1]) is None):
        return None
    return match[0]


def port(text: str | None) -> str | None:
    """A port number without leading zeros, or None."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 5):
        return None
    number = int(text)
    return str(number) if 0 < number < 65536 else None


def prefix(text: str | None) -> str | None:
    """A path prefix as SCRIPT_NAME has it (decoded, latin-1 view, no slash at the end), or None.

    Refused: ``//host`` (it would turn links into those of another host), dot segments, control characters, a backslash.
    """
    if not text or _PREFIX.fullmatch(text) is None:
        return None
    decoded = unquote(text.rstrip("/"), encoding="latin-1")
    if _UNPRINTABLE.search(decoded) or any(part in ("", ".", "..") for part in decoded.split("/")[1:]):
        return None
    return decoded


def x_forwarded(
    texts: tuple[str | None, str | None, str | None, str | None, str | None],
    trusted: Trusted,
    hops: int | None = None,
) -> Claims:
    """What X-Forwarded-For, -Proto, -Host, -Port and -Prefix (in this order) say, when the peer is trusted.

    Proto, Host and Port are taken from the hop that named the client. Prefixes add up, the outermost first: each proxy
    that took one off reported its own.
    """
    for_text, *others = texts
    chain = verified(map(address, members(for_text)), trusted, hops) if for_text is not None else []
    # Clients differ, and what their proxy says beside is the same for all of them.
    short = len("".join(filter(None, others))) <= _LONGEST
    claims = (_beside if short else _beside.__wrapped__)(max(0, len(chain) - 1), *others)
    if not chain:
        return claims
    headers = {"HTTP_X_FORWARDED_FOR": ", ".join(reversed(chain)), **claims.headers}
    return Claims(chain[-1], claims.scheme, claims.host, claims.port, claims.prefix, headers)


@lru_cache(maxsize=1024)
def _beside(
    hop: int, proto_text: str | None, host_text: str | None, port_text: str | None, prefix_text: str | None
) -> Claims:
    """What the proxy at ``hop`` says beside X-Forwarded-For."""
    claims = Claims(
        None,
        scheme(at_hop(proto_text, hop)),
        host(at_hop(host_text, hop)),
        port(at_hop(port_text, hop)),
        _prefixes(prefix_text, hop),
    )
    headers = {
        "HTTP_X_FORWARDED_PROTO": claims.scheme,
        "HTTP_X_FORWARDED_HOST": claims.host,
        "HTTP_X_FORWARDED_PORT": claims.port,
        "HTTP_X_FORWARDED_PREFIX": claims.prefix,
    }
    return claims._replace(headers={key: value for key, value in headers.items() if value})


def _prefixes(text: str | None, hop: int) -> str | None:
    """The prefixes that trusted proxies took off, joined; None when one of them will not do."""
    if text is None:
        return None
    listed = [prefix(member.strip(" \t")) for member in text.split(",")[-1 - hop :]]
    return None if None in listed else "".join(filter(None, listed)) or None


def one_header(key: str, text: str | None, trusted: Trusted, hops: int | None = None) -> Claims:
    """What a header that names the address alone says (X-Real-IP and its kin), when the peer is trusted."""
    chain = verified(map(address, members(text)), trusted, hops) if text is not None else []
    if not chain:
        return Claims()
    return Claims(client=chain[-1], headers={key: ", ".join(reversed(chain))})


# --- Forwarded, RFC 7239

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Brackets and colons ask for quotes (RFC 7239 section 4), but several proxies send IPv6 without; it stays clear.
_PAIR = re.compile(rf'[ \t]*({_TOKEN})=(?:"((?:[^"\\]|\\.)*)"|([!#$%&\'*+\-.^_`|~0-9A-Za-z:\[\]]+))[ \t]*')
_ESCAPED = re.compile(r"\\(.)")


class Element(NamedTuple):
    """One proxy's element of Forwarded; ``text`` is the element with only what may be passed on."""

    address: str | None = None
    scheme: str | None = None
    host: str | None = None
    text: str = ""


def forwarded(text: str | None, trusted: Trusted, hops: int | None = None) -> Claims:
    """What Forwarded (RFC 7239) says, when the peer is trusted: the element of the hop that named the client."""
    if text is None:
        return Claims()
    seen: list[Element] = []
    chain = verified(_addresses(text, seen), trusted, hops)
    element = seen[max(0, len(chain) - 1)]
    kept = [one.text for one in seen[: len(chain)]]
    headers = {"HTTP_FORWARDED": ", ".join(reversed(kept))} if kept else {}
    return Claims(chain[-1] if chain else None, element.scheme, element.host, None, None, headers)


def _addresses(text: str, seen: list[Element]) -> Iterator[str | None]:
    for member in _quoted_members(text):
        element = read_element(member)
        seen.append(element)
        yield element.address


def _quoted_members(text: str) -> Iterator[str]:
    """``members`` for a list with quoted strings in it."""
    if '"' not in text:
        yield from members(text)
        return
    end, quoted = len(text), False
    for at in range(len(text) - 1, -1, -1):
        if text[at] == '"' and not _is_escaped(text, at):
            quoted = not quoted
        elif text[at] == "," and not quoted:
            yield text[at + 1 : end].strip(" \t")
            end = at
    yield text[:end].strip(" \t")


def _is_escaped(text: str, at: int) -> bool:
    first = at
    while first and text[first - 1] == "\\":
        first -= 1
    return (at - first) % 2 == 1


def read_element(text: str) -> Element:
    """One element; without an address when that is hidden (``unknown``, ``_secret``), missing or malformed."""
    pairs: dict[str, tuple[str, str]] = {}
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is not None:
            name, quoted, bare = match.groups()
            value = bare if quoted is None else _ESCAPED.sub(r"\1", quoted)
            if name.lower() in pairs:  # RFC 7239 section 4: once in an element
                return Element()
            pairs[name.lower()] = value, match[0].strip(" \t")
            at = match.end()
        if at < len(text) and text[at] != ";":
            return Element()
        at += 1
    return _element(pairs)


def _element(pairs: dict[str, tuple[str, str]]) -> Element:
    values = {name: value for name, (value, _) in pairs.items()}
    found = Element(
        address(values.get("for", "")),
        scheme(values.get("proto")),
        host(values.get("host")),
    )
    sound = {"for": found.address, "proto": found.scheme, "host": found.host}
    kept = []
    for name, (_, written) in pairs.items():
        if name == "for" and found.address:
            kept.append(f"for={node(found.address)}")
        elif sound.get(name, written):
            kept.append(written)
    return found._replace(text=";".join(kept))


def node(text: str) -> str:
    """An address as a value of ``for`` or ``by``: IPv6 takes brackets and quotes (RFC 7239 section 6)."""
    return f'"[{text}]"' if ":" in text else text
