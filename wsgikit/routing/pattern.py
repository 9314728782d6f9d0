"""Rule text to parts, in Werkzeug's syntax.

A rule is a path in which ``<name>``, ``<converter:name>`` or ``<converter(arguments):name>`` stand for
values. It is cut at its slashes into parts, and each part is either plain text or a regular expression
with one group for each variable:

    /repos/<owner>/v<int:major>   ->   ""  "repos"  ([^/]{1,})  v([0-9]+)

A converter that takes slashes (``part_isolating = False``, such as ``path``) makes its part the last one:
it holds the whole rest of the rule. Where that rest ends with a slash, the part is ``suffixed``: its
expression ends with an optional slash, so that a request without it can be redirected.

Which part is tried first is Werkzeug's order, kept to the letter in ``weight``: more plain text first,
then longer plain text, then more variables, then the converters' own weights; equal ones as written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.routing import AnyConverter, BaseConverter, parse_converter_args
from werkzeug.routing.converters import NumberConverter

from wsgikit.core.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from werkzeug.routing import Map

_TOKEN = re.compile(
    r"""
    (?P<slash> / )
  | (?P<text> [^</]+ )
  | < (?: (?P<converter> [a-zA-Z_][a-zA-Z0-9_]* ) (?: \( (?P<arguments> .*? ) \) )? : )?
      (?P<variable> [a-zA-Z_][a-zA-Z0-9_]* ) >
    """,
    re.VERBOSE,
)

SUFFIX = "(?<!/)(/?)"
"""What ends a suffixed part: one slash or none, after something that is not a slash."""

Weight: TypeAlias = tuple[int, tuple[tuple[int, int], ...], int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A variable as written: its converter is not looked up yet."""

    name: str
    converter: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable with the converter that reads and writes it, and the expression of the texts it takes."""

    name: str
    converter: BaseConverter
    regex: str
    choices: tuple[str, ...] | None = None
    """The texts of an ``any`` converter, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Part:
    """What stands between two slashes of a rule, or, if ``final``, the whole rest of it.

    ``content`` is the text of a static part and the regular expression of any other. Parts that are equal
    lead to the same place, whatever their variables are called.
    """

    content: str
    static: bool
    final: bool
    suffixed: bool
    weight: Weight
    pieces: tuple[str | Variable, ...] = field(compare=False)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Variable))


def tokens(rule: str) -> list[str | Placeholder]:
    """Slashes, texts and placeholders of a rule; ``ValueError`` says where the text is not one."""
    found: list[str | Placeholder] = []
    names: set[str] = set()
    position = 0
    while position < len(rule):
        match = _TOKEN.match(rule, position)
        if match is None:
            raise ValueError(f"{rule[position:]!r} does not begin with <name> or <converter:name>")
        name = match["variable"]
        if name is None:
            found.append(match[0])
        else:
            if name in names:
                raise ValueError(f"<{name}> stands there twice")
            names.add(name)
            args, kwargs = parse_converter_args(match["arguments"] or "")
            found.append(Placeholder(name, match["converter"] or "default", args, kwargs))
        position = match.end()
    return found


def variable(placeholder: Placeholder, converters: Map) -> Variable:
    """The placeholder with its converter, built as Werkzeug builds it."""
    known = converters.converters
    factory = known.get(placeholder.converter)
    if factory is None:
        wanted = f"one of {', '.join(map(repr, known))}{suggestion(placeholder.converter, known)}"
        raise ValueError(f"<{placeholder.name}> has the converter {placeholder.converter!r}: {wanted}")
    try:
        converter = factory(converters, *placeholder.args, **placeholder.kwargs)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"<{placeholder.name}>: {placeholder.converter} does not take that: {error}"
        ) from error
    regex = converter.regex
    if isinstance(converter, NumberConverter):
        # \d takes the digits of every script: /٣ and /3 would be two URLs of one page.
        regex = regex.replace(r"\d", "[0-9]")
    choices = tuple(map(str, placeholder.args)) if type(converter) is AnyConverter else None
    return Variable(placeholder.name, converter, regex, choices)


def parts(rule: Iterable[str | Placeholder], converters: Map) -> Iterator[Part]:
    """The parts of a rule, in order; ``ValueError`` says which variable is wrong."""
    pieces: list[str | Variable] = []
    final = False
    for token in rule:
        if isinstance(token, Placeholder):
            made = variable(token, converters)
            pieces.append(made)
            final = final or not made.converter.part_isolating
        elif token == "/" and not final:
            yield _part(pieces, final=False)
            pieces = []
        else:
            pieces.append(token)
    suffixed = final and pieces[-1] == "/"
    if suffixed:
        pieces.pop()
    last = _part(pieces, final=final, suffixed=suffixed)
    yield last
    if suffixed:
        yield Part("", static=True, final=False, suffixed=False, weight=last.weight, pieces=())


def _part(pieces: list[str | Variable], *, final: bool, suffixed: bool = False) -> Part:
    static = not any(isinstance(piece, Variable) for piece in pieces)
    content = "".join(pieces) if static else _regex(pieces, suffixed)  # type: ignore[arg-type]
    return Part(content, static, final, suffixed, _weight(pieces), tuple(pieces))


def _regex(pieces: list[str | Variable], suffixed: bool) -> str:
    """One expression for a part: named groups, as a converter's own expression may hold groups too."""
    text = ""
    count = 0
    for piece in pieces:
        if isinstance(piece, Variable):
            text += f"(?P<wsgikit_{count}>{piece.regex})"
            count += 1
        else:
            text += re.escape(piece)
    text += SUFFIX if suffixed else ""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"its converters make no regular expression: {error}") from error
    return text


def _weight(pieces: list[str | Variable]) -> Weight:
    texts = [piece for piece in pieces if isinstance(piece, str) and piece != "/"]
    weights = tuple(piece.converter.weight for piece in pieces if isinstance(piece, Variable))
    return -len(texts), tuple((n, -len(text)) for n, text in enumerate(texts)), -len(weights), weights
