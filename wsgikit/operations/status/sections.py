"""The sections of the status page. Nothing gets into them but through ``escape``, ``shown`` or as a number."""

from __future__ import annotations

from html import escape
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

from wsgikit.operations.status.histogram import duration, histogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wsgikit.operations.scoreboard.records import Record, UpstreamRecord
    from wsgikit.operations.scoreboard.snapshot import Event, Worker
    from wsgikit.operations.status.view import View

_MOST_EVENTS = 10


def main(view: View) -> str:
    """What changes on the page."""
    snapshot = view.snapshot
    parts = [
        _head(view),
        _section("Workers", _workers(snapshot.workers, snapshot.taken)),
        _section("Latency", histogram(snapshot.total.buckets), "requests that took up to"),
        _section("Routes", _routes(snapshot.routes)),
        _section("Upstreams", _upstreams(view.upstreams()), "state and in flight as this worker sees them"),
        _section("Cache", _cache(snapshot.cache)),
        _section("Slowest requests", _events(snapshot.slowest, snapshot.taken), "of each worker, lately"),
        _section("Last failed requests", _events(snapshot.failed, snapshot.taken)),
        _section("Application", _tree(view.tree())),
    ]
    return "".join(parts)


def shown(text: str) -> str:
    """A text of a client's, in WSGI's view: as UTF-8, with what cannot be seen, or moves what can, written out."""
    try:
        text = text.encode("latin-1").decode("utf-8")
    except UnicodeError:  # the rule of a route, or what a server has decoded, or bytes that are no UTF-8
        pass
    return escape("".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text))


def _head(view: View) -> str:
    snapshot, total = view.snapshot, view.snapshot.total
    busy = sum(worker.busy for worker in snapshot.workers)
    facts = (
        (f"{len(snapshot.workers)}", "workers"),
        (f"{busy}", "busy"),
        (f"{snapshot.in_flight}", "in flight"),
        (f"{view.waiting}", "connections wait"),
        (f"{total.requests:,}", "requests"),
        ("–", "per second"),
        (_percent(snapshot.exceptions, total.requests), "failed"),
        (_quantile(total, 0.5), "median"),
        (_quantile(total, 0.95), "95 %"),
        (f"{_bytes(total.sent)}", "sent"),
        (f"{max(0, snapshot.lives - len(snapshot.workers))}", "recycled"),
        (f"{snapshot.lost}", "requests lost"),
    )
    shown_facts = "".join(f"<li><b{_rate(word)}>{value}</b> {word}</li>" for value, word in facts)
    when = strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(snapshot.taken))
    return f"<h1>{escape(snapshot.service)}</h1><p class=when>{when}</p><ul class=facts>{shown_facts}</ul>"


def _rate(word: str) -> str:
    return " id=rate" if word == "per second" else ""


def _section(title: str, content: str, note: str = "") -> str:
    if not content:
        return ""
    return f"<section><h2>{title}{note and f' <small>{note}</small>'}</h2>{content}</section>"


def _table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Rows of cells that are HTML already, each with a class; heads that begin with # stand over numbers."""
    listed = list(rows)
    if not listed:
        return ""
    kinds = [" class=number" if head.startswith("#") else "" for head in heads]
    top = "".join(f"<th{kind}>{head.lstrip('#')}" for head, kind in zip(heads, kinds, strict=True))
    lines = (
        f'<tr class="{name}">' + "".join(f"<td{kind}>{cell}" for cell, kind in zip(cells, kinds, strict=True))
        for name, cells in listed
    )
    return f"<div class=wide><table><thead><tr>{top}<tbody>{''.join(lines)}</table></div>"


def _workers(workers: Sequence[Worker], now: float) -> str:
    heads = (
        "#worker",
        "#pid",
        "state",
        "#requests",
        "#mean",
        "#failed",
        "#memory",
        "#recycled",
        "#age",
        "now",
    )
    return _table(
        heads,
        (
            (
                "busy" if worker.busy else "idle",
                (
                    f"{worker.number}",
                    f"{worker.pid}",
                    "busy" if worker.busy else "idle",
                    f"{worker.requests:,}",
                    duration(worker.average / 1e6),
                    f"{worker.exceptions}",
                    _bytes(worker.rss),
                    f"{worker.lives - 1}",
                    duration(max(0.0, now - worker.started)),
                    _now(worker),
                ),
            )
            for worker in workers
        ),
    )


def _now(worker: Worker) -> str:
    going = [core.request for core in worker.cores if core.request]
    lines = [
        f"<div><b>{duration(request.seconds)}</b> {shown(request.method)} {shown(request.path)}</div>"
        for request in sorted(going, key=lambda request: -request.seconds)
    ]
    if worker.in_flight > len(going):
        lines.append(f"<div>and {worker.in_flight - len(going)} more</div>")
    return "".join(lines)


def _routes(routes: dict[str, Record]) -> str:
    heads = ("route", "#requests", "#2xx", "#3xx", "#4xx", "#5xx", "#mean", "#95 %", "#sent")
    return _table(
        heads,
        (
            (
                "",
                (
                    shown(name) or "<i>none</i>",
                    f"{record.requests:,}",
                    *(f"{record.classes[status]:,}" for status in ("2xx", "3xx", "4xx", "5xx")),
                    duration(record.micros / max(1, record.requests) / 1e6),
                    _quantile(record, 0.95),
                    _bytes(record.sent),
                ),
            )
            for name, record in sorted(routes.items(), key=lambda pair: -pair[1].requests)
        ),
    )


def _upstreams(upstreams: Iterable[tuple[str, UpstreamRecord, dict[str, Any]]]) -> str:
    heads = ("upstream", "state", "#in flight", "#requests", "#failed", "for", "#retries", "#mean")
    return _table(
        heads,
        (
            (
                escape(str(known.get("state", ""))),
                (
                    shown(url) or "<i>none</i>",
                    escape(str(known.get("state", "–"))),
                    f"{known.get('in_flight', '–')}",
                    f"{record.requests:,}",
                    f"{record.failed:,}",
                    escape(", ".join(f"{kind} {number:,}" for kind, number in record.failures.items())),
                    f"{record.retries:,}",
                    duration(record.average / 1e6),
                ),
            )
            for url, record, known in upstreams
        ),
    )


def _cache(counts: dict[str, int]) -> str:
    whole = sum(counts.values())
    rows = (("", (word, f"{count:,}", _percent(count, whole))) for word, count in counts.items())
    return _table(("answered", "#requests", "#of all"), rows)


def _events(events: Sequence[Event], now: float) -> str:
    return _table(
        ("#took", "#status", "request", "#ago"),
        (
            (
                "failed" if event.status >= 500 else "",
                (
                    duration(event.seconds),
                    f"{event.status or ''}",
                    f"{shown(event.method)} {shown(event.path)}",
                    duration(max(0.0, now - event.when)),
                ),
            )
            for event in events[:_MOST_EVENTS]
        ),
    )


def _tree(lines: Iterable[tuple[int, str, str]]) -> str:
    rows = (f"{'    ' * depth}{label and f'{label} → '}{names}" for depth, label, names in lines)
    return f"<pre>{escape(chr(10).join(rows))}</pre>"


def _quantile(record: Record, share: float) -> str:
    bound = record.quantile(share)
    if bound is None:
        return "–"
    return f"≤ {duration(bound)}" if bound < float("inf") else "over 60 s"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %" if whole else "–"


def _bytes(number: float) -> str:
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} B"
