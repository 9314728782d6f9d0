"""The grammar of HTML's tokens, over bytes (HTML Standard, section 13.2.5).

Works for every encoding in which the bytes of ``<``, ``>``, ``=``, quotes and white space are never part of another
character: UTF-8, the single-byte ones, and the double-byte ones but ISO-2022-JP.

Nothing here goes back: the quantifiers are possessive, so each byte is looked at a bounded number of times.
"""

from __future__ import annotations

import re

SPACE = b"\t\n\f\r "

_NAME = rb"[a-zA-Z][^%b/>]*+" % SPACE
# Without quotes a value ends at white space; what stands right before ">" is no value at all.
_VALUE = rb"""(?:"[^"]*+"|'[^']*+'|[^%b>"'][^%b>]*+|(?=>))""" % (SPACE, SPACE)
_EQUALS = rb"[%b]*+=[%b]*+" % (SPACE, SPACE)


def _attribute(name: bytes) -> bytes:
    return rb"%b(?:%b%b|(?![%b]*+=))" % (name, _EQUALS, _VALUE, SPACE)


def _rest(attribute: bytes) -> bytes:
    """What follows a tag's name: attributes, white space, and slashes that mean nothing."""
    return rb"(?>(?:%b|[%b]++|/(?!>))*)" % (attribute, SPACE)


# A "=" where no name precedes it is the beginning of one.
_ATTRIBUTE_NAME = rb"[^%b/>][^%b/>=]*+" % (SPACE, SPACE)

TAG = re.compile(rb"<(/?)(%b)(%b)(/?)>" % (_NAME, _rest(_attribute(_ATTRIBUTE_NAME))))
"""A complete tag: slash, name, attributes, slash."""

TAG_START = re.compile(rb"<(/?)(%b)" % _NAME)

ATTRIBUTE = re.compile(rb"(%b)(?:%b(%b))?" % (_ATTRIBUTE_NAME, _EQUALS, _VALUE))
"""One attribute within a complete tag: name, and value as it stands, quotes included."""

TEXT = re.compile(rb"[^<]*+(?>(?:<(?=[^a-zA-Z/!?])[^<]*+)*)")
"""Text alone, up to a ``<`` that begins something."""

OPENING = re.compile(rb"</?[a-zA-Z]|</.|<[!?]", re.DOTALL)
"""The beginning of a tag; of something else that is no text."""

COMMENT = re.compile(rb"<!--(?:(?=[^->])|(?=-[^>])|-?>)")
"""The beginning of a comment as soon as it is known whether that is all of it."""

COMMENT_END = re.compile(rb"--!?>")
CDATA_END = re.compile(rb"\]\]>")
BOGUS_END = re.compile(rb">")
"""Where a declaration ends, a processing instruction, or an end tag without a name: HTML ignores those."""

SCRIPT = re.compile(rb"<!--|</script(?=[%b/>])" % SPACE, re.IGNORECASE)
SCRIPT_ESCAPED = re.compile(rb"-->|</?script(?=[%b/>])" % SPACE, re.IGNORECASE)
SCRIPT_TWICE_ESCAPED = re.compile(rb"-->|</script(?=[%b/>])" % SPACE, re.IGNORECASE)
"""A script that speaks of ``<!-- <script>`` does not end at the next ``</script>`` (section 13.2.5.20 and on)."""


def end_of(name: bytes) -> re.Pattern[bytes]:
    """What ends the text of an element that has no markup in it."""
    return re.compile(rb"(?=</%b[%b/>])" % (name, SPACE), re.IGNORECASE)


def skipping(names: bytes, attributes: bytes = b"") -> re.Pattern[bytes]:
    """Text and whole tags in one leap, up to the ``<`` of a tag of ``names``, or of one with ``attributes``.

    Both are alternatives of an expression. What is neither text nor a whole tag stops it as well.
    """
    allowed = rb"(?!(?i:%b)(?=[%b/>=]))" % (attributes, SPACE) if attributes else b""
    usual = rb' %b[a-zA-Z-]++="[^"]*+"' % allowed  # what most attributes look like: half as fast without
    attribute = rb"%b|%b" % (usual, _attribute(allowed + _ATTRIBUTE_NAME))
    tag = rb"</?(?!(?i:%b)(?=[%b/>]))%b(?:>|%b/?>)" % (names, SPACE, _NAME, _rest(attribute))
    return re.compile(rb"[^<]*+(?>(?:(?:%b|<(?=[^a-zA-Z/!?]))[^<]*+)*)" % tag)


# ---- a tag that does not end within the chunk it begins in

_TO_BETWEEN = dict.fromkeys(SPACE, "between") | {ord("/"): "between"}
_WALK: dict[str, tuple[re.Pattern[bytes], dict[int, str], str]] = {
    # state: what it runs over; where the byte after that leads to; where any other leads to
    "name": (re.compile(rb"[^%b/>]*+" % SPACE), _TO_BETWEEN, ""),
    "between": (re.compile(rb"[%b/]*+" % SPACE), {}, "attribute"),
    "attribute": (
        re.compile(rb"[^%b/>=]*+" % SPACE),
        {**dict.fromkeys(SPACE, "after"), ord("/"): "between", ord("="): "value"},
        "",
    ),
    "after": (re.compile(rb"[%b]*+" % SPACE), {ord("="): "value", ord("/"): "between"}, "attribute"),
    "value": (re.compile(rb"[%b]*+" % SPACE), {ord('"'): "double", ord("'"): "single"}, "bare"),
    "bare": (re.compile(rb"[^%b>]*+" % SPACE), _TO_BETWEEN, ""),
    "double": (re.compile(rb'[^"]*+'), {ord('"'): "between"}, ""),
    "single": (re.compile(rb"[^']*+"), {ord("'"): "between"}, ""),
}


def walk(state: str, data: bytes, position: int) -> tuple[str, int]:
    """Go on in a tag, begun in state ``"name"`` behind its ``<`` or ``</``, to the end of ``data`` or of the tag.

    Gives the state, ``""`` for the end of the tag, and the position behind the last byte looked at.
    """
    length = len(data)
    while True:
        run, ways, otherwise = _WALK[state]
        position = run.match(data, position).end()  # type: ignore[union-attr]  # it matches nothing, too
        if position == length:
            return state, position
        byte = data[position]
        position += 1
        if byte == 0x3E and state not in ("double", "single"):
            return "", position
        state = ways.get(byte, otherwise)
