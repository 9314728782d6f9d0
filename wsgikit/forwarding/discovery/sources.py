"""Which source a value of ``resolve=`` means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.errors import suggestion, wrong_type, wrong_value
from wsgikit.forwarding.discovery.addresses import Addresses, is_name
from wsgikit.forwarding.discovery.file import File
from wsgikit.forwarding.discovery.function import Function
from wsgikit.forwarding.discovery.lookup import LookupFailed
from wsgikit.forwarding.discovery.srv import Service

if TYPE_CHECKING:
    from wsgikit.forwarding.discovery.function import Finder
    from wsgikit.forwarding.discovery.lookup import Source
    from wsgikit.forwarding.upstream import Upstream

_WANTED = 'a function that gives URLs, "dns", "srv:NAME" such as "srv:_http._tcp.app.internal", or "@file"'


def source(owner: str, option: str | Finder | None, upstreams: tuple[Upstream, ...]) -> Source | None:
    """The source that the option ``resolve`` of ``owner`` names or is; None where nothing is looked up.

    ``"dns"`` looks up the names in ``upstreams``; the others find all by themselves. Raises ``ValueError`` or
    ``TypeError`` for what will not do, a file with mistakes included, and ``ImportError`` without dnspython.
    """
    if option is None:
        return None
    if not isinstance(option, str):
        if not callable(option) or isinstance(option, type):
            raise wrong_type(owner, "resolve", option, _WANTED)
        return Function(option)
    if option == "dns":
        return _addresses(owner, upstreams)
    if option.startswith("srv:"):
        return _service(owner, option, upstreams)
    if option.startswith("@"):
        return _file(owner, option)
    raise wrong_value(owner, "resolve", option, _WANTED + _hint(option))


def _addresses(owner: str, upstreams: tuple[Upstream, ...]) -> Addresses | None:
    if not upstreams:
        raise wrong_value(owner, "resolve", "dns", "upstreams whose names are looked up; there are none")
    return Addresses(*upstreams) if any(map(is_name, upstreams)) else None


def _service(owner: str, option: str, upstreams: tuple[Upstream, ...]) -> Service:
    if upstreams:
        raise wrong_value(owner, "resolve", option, "no upstreams beside it: the records name them all")
    try:
        return Service(option.removeprefix("srv:"))
    except ValueError as error:
        raise wrong_value(owner, "resolve", option, str(error)) from None


def _file(owner: str, option: str) -> File:
    """A file is read at once, so that a mistake in it is met by whoever deploys it."""
    if option == "@":
        raise wrong_value(owner, "resolve", option, 'the path of a file, such as "@/etc/app/upstreams"')
    file = File(option.removeprefix("@"))
    try:
        file.look_up()
    except LookupFailed as error:
        raise wrong_value(owner, "resolve", option, str(error)) from None
    return file


def _hint(option: str) -> str:
    word, colon, rest = option.partition(":")
    if rest.startswith("//"):
        return "; a URL goes into upstreams"
    path = rest if word == "file" else option
    if "/" in path:
        return f"; did you mean {'@' + path!r}?"
    return suggestion(f"{word.strip().lower()}{colon}{rest}", ["dns", f"srv:{rest}"])
