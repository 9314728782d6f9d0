"""What the formats share: moments as text, the request line, the user."""

from __future__ import annotations

from functools import lru_cache
from time import gmtime, localtime
from typing import TYPE_CHECKING

from wsgikit.access.escape import quoted, text_of
from wsgikit.access.exchange import target_of
from wsgikit.core.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable
    from time import struct_time

    from wsgikit.access.exchange import Exchange
    from wsgikit.http.redact import Redaction

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def user(exchange: Exchange) -> str | None:
    """Who asked: what a layer or the app has noted as ``user``, else REMOTE_USER as it is at the end.

    A layer between may have copied environ, so that REMOTE_USER of further in is not seen here.
    """
    name = exchange.notes.get("user") or exchange.environ.get("REMOTE_USER")
    return name if name is None or type(name) is str else text_of(name)


def request_lines(redaction: Redaction) -> Callable[[Exchange], str]:
    """What gives an exchange's method, target and protocol, escaped, secrets hidden."""

    def write(asked: tuple[str | None, ...]) -> str:
        method, protocol, *location = asked
        return quoted(f"{method or ''} {redaction.target(target_of(*location))} {protocol or ''}")

    written = Remembered(write)

    def line(exchange: Exchange) -> str:
        get = exchange.request.get
        return written[
            get("REQUEST_METHOD"),
            get("SERVER_PROTOCOL"),
            get("RAW_URI"),
            get("REQUEST_URI"),
            get("SCRIPT_NAME"),
            get("PATH_INFO"),
            get("QUERY_STRING"),
        ]

    return line


@lru_cache(maxsize=8)
def clf_time(second: int) -> str:
    """Local time with its offset at that moment, months in English whatever the locale."""
    local = localtime(second)
    return (
        f"{local.tm_mday:02d}/{MONTHS[local.tm_mon - 1]}/{local.tm_year}"
        f":{local.tm_hour:02d}:{local.tm_min:02d}:{local.tm_sec:02d} {offset(local)}"
    )


def offset(local: struct_time) -> str:
    """``+0100``: how far local time is from UTC then."""
    minutes = local.tm_gmtoff // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


def iso_time(moment: float) -> str:
    """UTC with milliseconds: ``2026-11-05T12:55:36.042Z``."""
    second = int(moment)
    return f"{iso_second(second)}.{_THOUSANDTHS[int((moment - second) * 1000)]}Z"


_THOUSANDTHS = tuple(f"{number:03d}" for number in range(1000))  # to pad one costs five times the look-up


@lru_cache(maxsize=8)
def iso_second(second: int) -> str:
    utc = gmtime(second)
    return (
        f"{utc.tm_year:04d}-{utc.tm_mon:02d}-{utc.tm_mday:02d}"
        f"T{utc.tm_hour:02d}:{utc.tm_min:02d}:{utc.tm_sec:02d}"
    )
