"""What the layers of operations cost a request that is none of their business: ``python benchmarks/operations.py``.

Microseconds added to the bare app, which answers a list of one chunk. ``WatchedBody`` is what any layer costs that has
to see the end of an answer; accounting is the scoreboard behind ``Stats``, ``Metrics`` and ``Status``. Rates and limits
are never met, and the files that are made in the host's memory are removed at the end.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

# Before the layers are made: what they share on this host is of this run alone.
SERVICE = os.environ["WSGIKIT_SERVICE"] = f"benchmark-{os.getpid()}"

from rounds import BROWSER, minima, request

from wsgikit import (
    BodyLimit,
    ConcurrencyLimit,
    HeaderLimit,
    Health,
    Layer,
    Maintenance,
    Metrics,
    RateLimit,
    Recycle,
    Stack,
    Stats,
    Status,
    WarmUp,
    Watchdog,
)
from wsgikit.core.body import watched
from wsgikit.operations.accounting import Accounting, Request
from wsgikit.operations.service import meeting_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ENVIRON = {
    **BROWSER,
    "SERVER_SOFTWARE": "gunicorn/23.0.0",
}  # under no server at all Recycle would not even count
ROUTE = "/shop/items/<int:number>"


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def routed(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    environ.setdefault("wsgikit.notes", {})["route"] = ROUTE
    return page(environ, start_response)


def forwarded(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    environ.setdefault("wsgikit.notes", {}).update(
        upstream="http://10.0.0.1:8000", retries=0, upstream_time=0.0125, cache="miss"
    )
    return page(environ, start_response)


def seen_to_the_end(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    return watched(page(environ, start_response), environ, id)[1]


# Name, app, and the app whose own cost is taken off.
CASES: list[tuple[str, Any, Any]] = [
    ("WatchedBody", seen_to_the_end, page),
    ("accounting", Accounting(page, SERVICE), page),
    ("accounting, with a route", Accounting(routed, SERVICE), routed),
    ("accounting, with an upstream and a cache", Accounting(forwarded, SERVICE), forwarded),
    ("Stats", Stats(page), page),
    ("Status, Metrics and Stats", Stack(Layer(Status), Layer(Metrics), Layer(Stats))(page), page),
    ("Health", Health(page), page),
    ("Watchdog", Watchdog(page, 30), page),
    ("Recycle", Recycle(page, requests=10**9), page),
    ("WarmUp, when warm", WarmUp(page, ["/"]), page),
    ("Maintenance, switched off", Maintenance(page, switch=f"/nowhere/{SERVICE}"), page),
    ("BodyLimit, a GET", BodyLimit(page, "1MiB"), page),
    ("HeaderLimit", HeaderLimit(page), page),
    ("ConcurrencyLimit", ConcurrencyLimit(page, 100), page),
    ("RateLimit, host-wide", RateLimit(page, "1000000000/minute"), page),
]


def booked() -> Callable[[], None]:
    """A request that enters the scoreboard and leaves it, by itself: what accounting costs beside seeing the end."""
    slot = Accounting(page, SERVICE)._board.get().claim()
    done = Request(slot, dict(ENVIRON), page)  # type: ignore[arg-type]  # it never answers
    done.status, done.micros, done.sent, done.failed, done.inside = "200", 120, 5, False, None
    done.forget()

    def once() -> None:
        done.core = slot.enter(done, perf_counter(), "GET", "/shop/items/7")
        slot.book(done, perf_counter())

    return once


def main() -> None:
    bare = {app: request(app, ENVIRON) for app in (page, routed, forwarded)}
    cases = {name: request(app, ENVIRON) for name, app, _ in CASES}
    alone = "the scoreboard alone: enter, and book"
    best = minima({**{app.__name__: once for app, once in bare.items()}, **cases, alone: booked()})
    print(f"{'':42}{'us added':>10}")
    print(f"{alone:42}{best[alone]:10.2f}")
    for name, _, inner in CASES:
        print(f"{name:42}{best[name] - best[inner.__name__]:10.2f}")


if __name__ == "__main__":
    try:
        main()
    finally:
        shared = Path(meeting_place(SERVICE, "any"))
        for file in shared.parent.glob(shared.name.removesuffix("any") + "*"):
            file.unlink()
