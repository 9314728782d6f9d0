"""Where the head and the body of a page begin and end, tag by tag, as browsers see it (HTML Standard, section 13.2.6).

What a page leaves out is implied: the head begins with the first thing that belongs there, the body with the first that
does not belong into the head. This is as much of a browser's tree as it takes to know that, and which elements are HTML
at all: within SVG and MathML names mean other things.
"""

from __future__ import annotations

PLACES = ("head-start", "head-end", "body-start", "body-end")
_HEAD = PLACES[:2]

FOREIGN = {
    # and the elements in which it is HTML again
    b"svg": frozenset((b"desc", b"foreignobject", b"title")),
    b"math": frozenset((b"annotation-xml", b"mi", b"mn", b"mo", b"ms", b"mtext")),
}
CLOSED = frozenset((b"noscript", b"template"))
"""Elements in which no place is: a ``</body>`` there is none, or not for every reader."""

_IN_HEADS = frozenset(
    b"base basefont bgsound link meta noframes noscript script style template title".split()
)
_LEAVES_FOREIGN = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu "
    b"meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
_ENDS_FOREIGN = (b"br", b"p")

_BEFORE_HEAD, _IN_HEAD, _AFTER_HEAD, _IN_BODY = range(4)


class Outline:
    """How far a page has come. Tags are told with ``before`` and then with ``after``, their names in lower case."""

    __slots__ = ("_frames", "_open", "_progress", "closed", "foreign", "template", "within_foreign")

    def __init__(self) -> None:
        self._progress = _BEFORE_HEAD
        self._frames = False
        self._open: list[bytes] = []  # of FOREIGN, what is HTML again within it, and CLOSED; outermost first
        self.foreign = False  # whether what comes next is SVG or MathML
        self.within_foreign = False  # whether any of it is around us
        self.closed = False  # whether one of CLOSED is around us
        self.template = False  # whether that is a template

    @property
    def early(self) -> bool:
        """Whether what comes next, be it text, may begin the body."""
        return self._progress < _IN_BODY and not self._open

    @property
    def plain(self) -> bool:
        """Whether only a few tags mean anything here."""
        return self._progress == _IN_BODY and not self._open

    def text(self) -> tuple[str, ...]:
        """The places before a text that is not white space, where it comes ``early``."""
        return self._begin_body(b"")

    def before(self, slash: bytes, name: bytes) -> tuple[str, ...]:
        """The places before a tag."""
        if self.closed:
            return ()
        places = self._advance(slash, name) if self._progress < _IN_BODY else ()
        if slash and name in (b"body", b"html") and self._progress == _IN_BODY and not self._frames:
            places += ("body-end",)
        return places

    def after(self, slash: bytes, name: bytes, *, ended: bool) -> bool:
        """Whether the tag begins an element of HTML; ``ended`` if it ends itself, which counts elsewhere only."""
        if slash and name in self._open:
            while self._open.pop() != name:
                pass
            self._look_around()
            return False
        if self.foreign:
            if name not in (_ENDS_FOREIGN if slash else _LEAVES_FOREIGN):
                if not (slash or ended) and (name in FOREIGN or name in FOREIGN[self._open[-1]]):
                    self._enter(name)
                return False
            while self._open and self._open[-1] in FOREIGN:
                self._open.pop()
            self._look_around()
        if slash:
            return False
        if name in CLOSED or (name in FOREIGN and not ended):
            self._enter(name)
        elif name == b"head":
            self._progress = max(self._progress, _IN_HEAD)
        return True

    def end(self) -> tuple[str, ...]:
        """The places at the end of the page, if they were not seen before."""
        if self.closed:
            return ()
        return _HEAD if self._frames else PLACES

    def _advance(self, slash: bytes, name: bytes) -> tuple[str, ...]:
        """The places before a tag that comes before the body."""
        if slash:
            if name == b"head":
                self._progress = _AFTER_HEAD
                return _HEAD
            if name not in (b"body", b"html", b"br"):
                return ()  # it is ignored
        elif name in (b"html", b"head"):
            return ()
        elif name in _IN_HEADS and (name, self._progress) != (b"noscript", _AFTER_HEAD):
            self._progress = max(self._progress, _IN_HEAD)
            return PLACES[:1]
        return self._begin_body(b"" if slash else name)

    def _begin_body(self, tag: bytes) -> tuple[str, ...]:
        """The body begins, with its ``tag`` or with what is none."""
        self._progress = _IN_BODY
        self._frames = tag == b"frameset"  # a page of frames has no body
        return _HEAD if tag in (b"body", b"frameset") else PLACES[:3]

    def _enter(self, name: bytes) -> None:
        self._open.append(name)
        self._look_around()

    def _look_around(self) -> None:
        around = self._open
        self.foreign = bool(around) and around[-1] in FOREIGN
        self.within_foreign = any(name in FOREIGN for name in around)
        self.closed = not CLOSED.isdisjoint(around)
        self.template = b"template" in around
