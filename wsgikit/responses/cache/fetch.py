"""What a GET or HEAD is sent to the app for: to fill the cache, or to learn whether what it holds is still right."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import msgspec

from wsgikit.responses.cache.answer import answer, client_has
from wsgikit.responses.cache.freshen import freshened, own_headers
from wsgikit.responses.cache.head import Head
from wsgikit.responses.cache.kept import Kept
from wsgikit.responses.cache.plan import AGAIN, Answer
from wsgikit.responses.cache.status import forwarded
from wsgikit.responses.cache.storable import hides_its_rules
from wsgikit.responses.cache.storage import Arriving
from wsgikit.responses.cache.tags import tags_of
from wsgikit.responses.cache.validate import conditions, confirms
from wsgikit.responses.cache.vary import selecting
from wsgikit.responses.conditional.notmodified import of_a_304

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from wsgikit.responses.cache.asked import Asked
    from wsgikit.responses.cache.collapse import Fill
    from wsgikit.responses.cache.filling import Filling
    from wsgikit.responses.cache.passage import Passage
    from wsgikit.responses.cache.storage import Storage

_log = logging.getLogger("wsgikit.cache")

ERRORS = frozenset({500, 502, 503, 504})
"""Statuses in the place of which stale-if-error puts a stored response (RFC 5861 section 4)."""

_UNREACHABLE = frozenset({502, 503, 504})
CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE", "HTTP_IF_RANGE")


class Fetch:
    """One request on its way to the app.

    ``asked`` holds the request as it came, ``key`` its key, ``fill`` its place among those under way (None for HEAD,
    which fills nothing), ``kept`` the stored response that is to be validated if there is one, ``why`` the reason.
    ``behind``: it runs in the background, and nobody waits for the answer. ``collapsed``: it waited for another first.
    """

    __slots__ = (
        "_asked",
        "_behind",
        "_collapsed",
        "_fill",
        "_kept",
        "_key",
        "_requested",
        "_storage",
        "_superseded",
        "_validating",
        "_why",
    )

    def __init__(
        self,
        storage: Storage,
        asked: Asked,
        key: str,
        fill: Fill | None,
        kept: Kept | None,
        why: str,
        *,
        behind: bool = False,
        collapsed: bool = False,
    ) -> None:
        self._storage = storage
        self._asked = asked
        self._key = key
        self._fill = fill
        self._kept = kept
        self._why = why
        self._requested = storage.clock()
        self._validating = False
        self._superseded = False  # by a response that must not be stored
        self._behind = behind
        self._collapsed = collapsed

    def environ(self) -> WSGIEnvironment:
        """What to ask the app with: the client's conditions are answered here, so that the whole comes to be stored.

        Range stays where nothing is stored yet: to fetch all of a film for the first bytes of it would take too long.
        """
        asked, kept = self._asked.environ, self._kept
        if asked["REQUEST_METHOD"] == "HEAD":
            return asked.copy()
        asking = conditions(kept.head) if kept is not None else {}
        self._validating = bool(asking)
        environ = _without(asked, CONDITIONS if asking else CONDITIONS[:2])
        environ.update(asking)
        return environ

    def again(self) -> WSGIEnvironment:
        """The same without conditions: the app has another response than the one that is kept."""
        self._validating = False
        return _without(self._asked.environ, CONDITIONS)

    def decide(self, passage: Passage) -> Filling | Answer | Literal["again"] | None:
        """What becomes of the app's answer."""
        received = self._storage.clock()
        head = Head.of(passage.status, passage.headers)
        kept = self._kept
        if kept is not None:
            if head.status == 304 and self._validating:
                return self._confirmed(kept, head, received) if confirms(head, kept.head) else AGAIN
            if head.status in ERRORS:
                unreachable = head.status in _UNREACHABLE and "upstream_error" in self._notes()
                stale = self._stale(kept, head.status, whatever_age=unreachable)
                if stale is not None:
                    return stale
            if self._asked.environ["REQUEST_METHOD"] == "HEAD":
                self._compare(kept, head, received)
        return self._new(passage, head, received)

    @property
    def rescues(self) -> bool:
        """Whether there is a stored response to fall back on."""
        return self._kept is not None and self._kept.may_be_stale and not self._behind

    def rescue(self, error: Exception) -> Answer | None:
        """A stale response, if there is one that may be sent, for an app that has raised."""
        if self._kept is None:
            return None
        stale = self._stale(self._kept, None, whatever_age=True)
        if stale is not None:
            _log.error("the app raised, and a stale response was sent: %a", self._key, exc_info=error)
        return stale

    def arrived(self) -> None:
        """Remove a stored response that is no longer what the app shows, so that it does not stand in for it either."""
        if self._superseded and self._kept is not None:
            self._storage.store.forget(self._key, self._kept.entry.id)

    def over(self) -> None:
        """Those who wait need wait no longer."""
        if self._fill is not None:
            self._storage.fills.end(self._fill)

    # The app has a new response

    def _new(self, passage: Passage, head: Head, received: float) -> Filling | Answer | None:
        """It is passed on, and stored on the way; a client that has it already gets a 304."""
        filling = self._filling(passage, head, received)
        if filling is None:
            self.over()
        self._notes()["cache"] = "miss"
        environ = self._asked.environ
        known = head.status in (200, 206) and environ["REQUEST_METHOD"] == "GET" and client_has(environ, head)
        passage.headers.append(
            forwarded(
                self._why,
                status=head.status if known else None,
                stored=filling is not None,
                collapsed=self._collapsed,
            )
        )
        if known:
            headers = of_a_304(passage.headers)
            if filling is None:
                return Answer("304 Not Modified", headers, [])
            passage.status, passage.headers, passage.silent = "304 Not Modified", headers, True
        return filling

    def _filling(self, passage: Passage, head: Head, received: float) -> Filling | None:
        """What stores the response as it passes, if it may be kept and the store takes it."""
        storage, fill = self._storage, self._fill
        if fill is None or (self._behind and head.status in ERRORS):
            return None
        refused = storage.refusal(self._asked, head, received) is not None
        if fill.leads:
            vain = refused or not storage.shareable(head, self._requested, received)
            storage.fills.judge(self._key, vain=vain)
            if vain:
                storage.fills.release(fill)
        if refused:
            self._superseded = self._kept is not None and head.status < 500
            return None
        return storage.filling(
            Arriving(
                storage,
                self._key,
                self._asked,
                head,
                fill,
                reason=passage.status[4:].strip(),
                requested=self._requested,
                received=received,
            )
        )

    # The app has said something about the stored one

    def _confirmed(self, kept: Kept, head: Head, received: float) -> Answer | Literal["again"]:
        """A 304: the stored response is right, with new headers (RFC 9111 section 4.3.4)."""
        storage = self._storage
        fresh = self._renewed(kept, head, received)
        if self._behind:
            self._keep(fresh, head, received)
            self.over()
            return Answer("304 Not Modified", [], [])
        left = fresh.left(received)
        mark = forwarded(self._why, status=304, left=left, collapsed=self._collapsed)
        found = answer(fresh, storage.store, self._asked.environ, received, mark)
        if found is None:
            return AGAIN
        self._keep(fresh, head, received)  # after its body was opened, as it may have to go
        self.over()  # after that, as those who wait look for it in the store
        self._notes()["cache"] = "revalidated"
        found.headers.extend(own_headers(head, cookies=storage.store_set_cookie))
        return found

    def _compare(self, kept: Kept, head: Head, received: float) -> None:
        """A HEAD tells whether the stored response to GET is still right (RFC 9111 section 4.3.5)."""
        if head.status != 200:
            return
        if _differs(kept.head, head):
            self._storage.store.forget(self._key, kept.entry.id)
        else:
            self._keep(self._renewed(kept, head, received), head, received)

    def _renewed(self, kept: Kept, head: Head, received: float) -> Kept:
        storage = self._storage
        headers = freshened(kept.head, head, received, cookies=storage.store_set_cookie)
        renewed = Head(kept.entry.status, headers)
        vary = selecting(renewed, self._asked.value, cookies=storage.vary_cookies)
        entry = msgspec.structs.replace(
            kept.entry,
            # A 304 may lack what of Vary the whole response had, or have another layer's alone.
            vary=tuple({**dict(kept.entry.vary), **dict(vary)}.items()),
            headers=headers,
            requested=self._requested,
            received=received,
            tags=tags_of(renewed, storage.tags),
        )
        return Kept(entry, storage.default_ttl)

    def _keep(self, fresh: Kept, said: Head, received: float) -> None:
        """Store what ``said``, a 304 or the answer to HEAD, has made of a stored response; or remove that."""
        storage = self._storage
        if self._fill is not None and self._fill.outdated:
            return
        if not hides_its_rules(said) and storage.refusal(self._asked, fresh.head, received) is None:
            storage.store.freshen(self._key, fresh.entry)
        else:
            storage.store.forget(self._key, fresh.entry.id)

    def _stale(self, kept: Kept, status: int | None, *, whatever_age: bool) -> Answer | None:
        """The stored response although it is stale, as the app has failed (RFC 9111 section 4.2.4)."""
        storage = self._storage
        now = storage.clock()
        whatever_age = whatever_age and storage.stale_if_unreachable
        if self._behind or not kept.outlasts(self._asked.control, now, whatever_age=whatever_age):
            return None
        left = kept.left(now)
        mark = forwarded(self._why, status=status, left=left, collapsed=self._collapsed, detail="stale")
        found = answer(kept, storage.store, self._asked.environ, now, mark)
        if found is not None:
            self.over()
            self._notes()["cache"] = "stale"
        return found

    def _notes(self) -> dict[str, object]:
        notes: dict[str, object] = self._asked.environ.setdefault("wsgikit.notes", {})
        return notes


def _without(environ: WSGIEnvironment, names: tuple[str, ...]) -> WSGIEnvironment:
    """A copy that lacks ``names``."""
    copy = environ.copy()
    for name in names:
        copy.pop(name, None)
    return copy


def _differs(stored: Head, answer: Head) -> bool:
    """Whether a HEAD describes another representation than the stored one."""
    lengths = answer.length(), stored.length()
    if None not in lengths and lengths[0] != lengths[1]:
        return True
    return any(
        name in answer.fields and answer.first(name) != stored.first(name)
        for name in ("etag", "last-modified")
    )
