"""How a GET or HEAD is answered: from the store where that is right, otherwise by the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.body import close
from wsgikit.responses.cache import keys, status
from wsgikit.responses.cache.answer import answer, partial_answer, refusal
from wsgikit.responses.cache.behind import Behind
from wsgikit.responses.cache.choose import choose
from wsgikit.responses.cache.collapse import PATIENCE
from wsgikit.responses.cache.fetch import Fetch
from wsgikit.responses.cache.kept import Kept, Use
from wsgikit.responses.cache.partial import choose_parts, span_within
from wsgikit.responses.cache.passage import Passage
from wsgikit.responses.cache.storable import open_to_all
from wsgikit.responses.cache.vary import COOKIES, STEERING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication

    from wsgikit.responses.cache.asked import Asked
    from wsgikit.responses.cache.collapse import Fill, Variant
    from wsgikit.responses.cache.entry import Entry
    from wsgikit.responses.cache.plan import Answer
    from wsgikit.responses.cache.storage import Storage

_REMEMBERED = 2048  # entries whose heads are read already


class Lookup:
    """Answers requests out of ``storage``, one per process."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._behind = Behind()
        self._known: dict[str, Kept] = {}

    def answer(self, app: WSGIApplication, asked: Asked, start_response: StartResponse) -> Iterable[bytes]:
        """The body of the answer, its head being on its way."""
        key = keys.key(asked.environ)
        entries = self.storage.store.find(key)
        kept = self._choose(entries, asked) if entries else None
        why = "vary-miss" if entries else "uri-miss"
        if kept is not None:
            now = self.storage.clock()
            use = kept.use(asked.control, now)
            if use != "validate":
                body = self._reuse(kept, use, now, asked, start_response)
                if body is not None:
                    if use == "behind":
                        self._refresh(app, asked, key, self._variant(kept.entry, asked), kept)
                    return body
                kept = None  # its body is gone meanwhile
            else:
                fresh = kept.left(now) > 0 and not kept.head.control.no_cache
                why = "request" if fresh else "stale"
        elif entries and "HTTP_RANGE" in asked.environ and asked.environ["REQUEST_METHOD"] == "GET":
            parts = choose_parts(entries, asked)
            body = self._part(parts, asked, start_response)
            if body is not None:
                return body
            why = "partial" if parts else why
        if asked.control.only_if_cached:
            return self._refuse(asked, start_response)
        known = kept.entry if kept is not None else entries[0] if entries else None
        return self._ask(app, asked, key, self._variant(known, asked), kept, why, start_response)

    def _choose(self, entries: list[Entry], asked: Asked) -> Kept | None:
        """The stored response for this request: of several the one with the newest Date (RFC 9111 section 4.1)."""
        matching = self._read(choose(entries, asked), asked)
        if len(matching) < 2:
            return matching[0] if matching else None
        return max(matching, key=lambda kept: (kept.head.date or kept.entry.received, kept.entry.received))

    def _read(self, entries: list[Entry], asked: Asked) -> list[Kept]:
        """What the entries say, of those that this client may see."""
        found = [self._remembered(entry) for entry in entries]
        return [kept for kept in found if open_to_all(kept.head)] if asked.authorized else found

    def _variant(self, known: Entry | None, asked: Asked) -> Variant:
        """What of the request selects a response: Vary is known by one that is stored, the rest always."""
        names = {STEERING, COOKIES} if self.storage.vary_cookies else {STEERING}
        if known is not None:
            names.update(name for name, _ in known.vary)
        return frozenset((name, value) for name in names if (value := asked.value(name)) is not None)

    def _remembered(self, entry: Entry) -> Kept:
        known = self._known.get(entry.id)
        if known is None or (known.entry is not entry and known.entry.received != entry.received):
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[entry.id] = Kept(entry, self.storage.default_ttl)
        return known

    def _reuse(
        self,
        kept: Kept,
        use: Use,
        now: float,
        asked: Asked,
        start_response: StartResponse,
        waited: str | None = None,
    ) -> Iterable[bytes] | None:
        """The answer out of a stored response; None when its body is gone."""
        left = kept.left(now)
        mark = status.hit(left) if waited is None else status.forwarded(waited, left=left, collapsed=True)
        found = answer(kept, self.storage.store, asked.environ, now, mark)
        if found is None:
            return None
        return _send(found, asked, "hit" if use == "fresh" else "stale", start_response)

    def _part(
        self, parts: list[Entry], asked: Asked, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        """The answer out of a stored part, if Range asks for what is in one."""
        now = self.storage.clock()
        for kept in self._read(parts, asked):
            use = kept.use(asked.control, now)
            within = span_within(asked.environ["HTTP_RANGE"], kept) if use in ("fresh", "stale") else None
            if within is None:
                continue
            mark = status.hit(kept.left(now))
            found = partial_answer(kept, within, self.storage.store, asked.environ, now, mark)
            if found is not None:
                return _send(found, asked, "hit" if use == "fresh" else "stale", start_response)
        return None

    def _refuse(self, asked: Asked, start_response: StartResponse) -> Iterable[bytes]:
        """What only-if-cached gets where there is nothing (RFC 9111 section 5.2.1.7)."""
        mark = status.unanswered("only-if-cached")
        found = refusal(asked.environ, 504, "Nothing is stored that may be sent.", None, mark)
        return _send(found, asked, "miss", start_response)

    def _ask(
        self,
        app: WSGIApplication,
        asked: Asked,
        key: str,
        variant: Variant,
        kept: Kept | None,
        why: str,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """The app's answer; or that to another request which asks for the same already, if it can be had."""
        environ = asked.environ
        environ.setdefault("wsgikit.notes", {})  # shared with what the app gets
        if environ["REQUEST_METHOD"] == "HEAD":
            return _fetch(app, Fetch(self.storage, asked, key, None, kept, why), start_response)
        fill, leader = self.storage.fills.begin(key, variant, shares=_shares(asked))
        try:
            waited = leader is not None and leader.wait(PATIENCE)
            if waited:
                kept = self._choose(self.storage.store.find(key), asked)
                body = None if kept is None else self._collapsed(kept, asked, why, start_response)
                if body is not None:
                    self.storage.fills.end(fill)
                    return body
            fetch = Fetch(self.storage, asked, key, fill, kept, why, collapsed=waited)
        except BaseException:
            self.storage.fills.end(fill)
            raise
        return _fetch(app, fetch, start_response)

    def _collapsed(
        self, kept: Kept, asked: Asked, why: str, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        """The answer that another request has brought meanwhile, if it may be used."""
        now = self.storage.clock()
        use = kept.use(asked.control, now)
        return None if use == "validate" else self._reuse(kept, use, now, asked, start_response, waited=why)

    def _refresh(self, app: WSGIApplication, asked: Asked, key: str, variant: Variant, kept: Kept) -> None:
        """Ask the app behind the client's back (RFC 5861 section 3), unless that is being done."""
        fill: Fill | None = self.storage.fills.lead(key, variant)
        if fill is not None:
            self._behind.refresh(app, self.storage, asked.environ, key, fill, kept)


def _fetch(app: WSGIApplication, fetch: Fetch, start_response: StartResponse) -> Iterable[bytes]:
    return Passage(app, fetch.environ(), start_response, fetch).go()


def _shares(asked: Asked) -> bool:
    """Whether another client's answer could do: nothing about the request is special."""
    control = asked.control
    special = control.no_cache or control.max_age is not None or control.min_fresh is not None
    return not special and not asked.authorized and "HTTP_RANGE" not in asked.environ


def _send(found: Answer, asked: Asked, note: str, start_response: StartResponse) -> Iterable[bytes]:
    asked.environ.setdefault("wsgikit.notes", {})["cache"] = note
    try:
        start_response(found.status, found.headers)
    except BaseException:
        close(found.body)
        raise
    return found.body
