"""The tree of rules as a Python function: nested tests on the segments of a path, with the values taken at the end.

    def walk(parts, n, method, environ, missed, host):
        if n >= 4:                                  # the shortest path that anything below takes
            if parts[1] == "repos":
                if parts[2]:
                    ...
                            if method in methods_7:  # GET,HEAD /repos/<owner>/<repo>
                                return Match(route_7, {"owner": parts[2], "repo": parts[3]})
                            elif missed is not None:
                                missed.append((entry_7, (parts[2], parts[3])))

``parts`` are the ``n`` segments of the path, the empty one before the first slash among them. A test that holds
leads one level in; falling out of it at the bottom is how the walk steps back and tries the next way, so each
state of the tree is entered once at most. The function gives

- a ``Match``;
- ``SLASH`` where a rule matches but for the slash at its end;
- a ``Spelling`` where a route matches that may not be the canonical one of its name;
- ``None``, with the routes that lacked only the method added to ``missed``, if that is a list.

A state with many texts to tell apart looks the segment up in a dict of functions; so does the code where it would
be indented too deep for the parser.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from wsgikit.routing.answers import Constants, answer, indented
from wsgikit.routing.reader import reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgikit.routing.entry import Entry
    from wsgikit.routing.pattern import Part, Variable
    from wsgikit.routing.tree import State

    Walk: TypeAlias = Callable[..., object]
    Names: TypeAlias = tuple[str, ...]

_PARAMETERS = "parts, n, method, environ, missed, host"
_DISPATCHED = 6  # texts; a dict and a call take as long as that many comparisons
_DEEPEST = 12  # levels of indentation

_ANY_TEXT = ("[^/]{1,}", "[^/]+")
_DIGITS = "[0-9]+"


class Source:
    """Writes the function for one tree: ``text`` is its source, ``functions`` gives what that compiles to."""

    def __init__(self, root: State, *, strict_slashes: bool, rivals: set[Entry]) -> None:
        self.root = root
        self._strict = strict_slashes
        self._rivals = rivals
        self._constants = Constants()
        self._functions: list[str] = []
        self._tables: list[str] = []
        first = next(root.walk(), None)
        hosted = len(first.host.variables) if first is not None and first.host is not None else 0
        self._function("walk", root, 1, tuple(f"host[{index}]" for index in range(hosted)), ())
        self.text = "\n\n".join([*self._functions, *self._tables])

    def functions(self) -> tuple[Walk, dict[str, Walk]]:
        """The compiled function, and those that it hands on to by the first segment, to be called at once."""
        scope = dict(self._constants.names)
        # The text is made of repr()s, of numbers, and of names of variables, which are identifiers.
        exec(compile(self.text, "<wsgikit.routing>", "exec"), scope)
        return scope["walk"], scope.get(f"next_{self._constants.number(self.root)}", {})

    def _function(self, name: str, state: State, depth: int, values: Names, found: Names) -> None:
        """A function of its own for ``state``; ``found`` are the names of what was taken out of the path above."""
        place = len(self._functions)
        self._functions.append("")  # functions stand in the order in which they are called
        lines = [f"def {name}({', '.join((_PARAMETERS, *found))}):"]
        lines += indented(self._state(state, depth, values, found, known=depth, level=1))
        lines += indented(["return None"])
        self._functions[place] = "\n".join(lines)

    def _state(
        self, state: State, depth: int, values: Names, found: Names, *, known: int, level: int
    ) -> list[str]:
        """``depth`` segments are matched and there are ``known`` at least."""
        if level > _DEEPEST:
            return self._elsewhere(state, depth, values, found)
        lines: list[str] = []
        ends = self._ends(state, values)
        if ends:
            lines += [f"if n == {depth}:", *indented(ends)]
        if not state.static and not state.dynamic:
            return lines + self._loose(state, depth, values)
        least = min(_shortest(child, depth + 1) for child in _ways(state))
        within = level + 1 if least > known else level
        inner = self._static(state, depth, values, found, known=least, level=within)
        inner += self._dynamic(state, depth, values, found, known=least, level=within)
        lines += [f"if n >= {least}:", *indented(inner)] if least > known else inner
        return lines + self._loose(state, depth, values)

    def _elsewhere(self, state: State, depth: int, values: Names, found: Names) -> list[str]:
        name = f"state_{self._constants.number(state)}"
        self._function(name, state, depth, values, found)
        return _call(name, found)

    def _static(
        self, state: State, depth: int, values: Names, found: Names, *, known: int, level: int
    ) -> list[str]:
        if len(state.static) > _DISPATCHED or (state.static and state is self.root):
            return self._dispatch(state, depth, values, found)
        lines: list[str] = []
        for text, child in state.static.items():
            inner = self._state(child, depth + 1, values, found, known=known, level=level + 1)
            word = "elif" if lines else "if"
            lines += [f"{word} parts[{depth}] == {text!r}:", *indented(inner)]
        return lines

    def _dispatch(self, state: State, depth: int, values: Names, found: Names) -> list[str]:
        table = f"next_{self._constants.number(state)}"
        names = {text: f"state_{self._constants.number(child)}" for text, child in state.static.items()}
        self._tables.append(f"{table} = {{{', '.join(f'{text!r}: {name}' for text, name in names.items())}}}")
        for text, child in state.static.items():
            self._function(names[text], child, depth + 1, values, found)
        return [
            f"follow = {table}.get(parts[{depth}])",
            "if follow is not None:",
            *indented(_call("follow", found)),
        ]

    def _dynamic(
        self, state: State, depth: int, values: Names, found: Names, *, known: int, level: int
    ) -> list[str]:
        lines: list[str] = []
        rest = f"rest_{depth}"
        if any(part.final for part in state.dynamic):
            lines.append(f'{rest} = "/".join(parts[{depth}:])')
        for part, child in state.dynamic.items():
            subject = rest if part.final else f"parts[{depth}]"
            setup, test, taken, local = self._test(part, subject, self._constants.number(child))
            if depth == 1 and not _plain(part):
                # Slashes in front are one, and the text of a first segment is never empty, but for the path "/".
                test = f"(parts[1] or n == 2) and {test}"
            lines += setup
            more = (*values, *taken)
            if part.suffixed:
                inner = self._suffixed(child, local, len(taken), more)
            elif part.final:
                inner = self._ends(child, more)
            else:
                names = (*found, local) if local else found
                inner = self._state(child, depth + 1, more, names, known=known, level=level + 1)
            shown = "" if _plain(part) else f"  # {part.content!r}"
            lines += [f"if {test}:{shown}", *indented(inner or ["pass"])]
        return lines

    def _suffixed(self, state: State, local: str, suffix: int, values: Names) -> list[str]:
        with_slash = self._ends(state.static[""], values)
        without = self._slash(state, values)
        return [f"if {local}[{suffix}]:", *indented(with_slash), "else:", *indented(without)]

    def _test(self, part: Part, subject: str, number: int) -> tuple[list[str], str, Names, str]:
        """Lines to come first, the test for ``part``, its values, and the name that they are kept under, if any."""
        if len(part.pieces) == 1 and not part.suffixed:
            (variable,) = part.variables
            test = self._test_one(variable, subject, number)
            return [], test, (subject,), subject if part.final else ""
        read = self._constants.name("read", number, reader(part))
        local = f"found_{number}"
        setup = [f"{local} = {read}({subject})"]
        values = tuple(f"{local}[{index}]" for index in range(len(part.variables)))
        return setup, f"{local} is not None", values, local

    def _test_one(self, variable: Variable, subject: str, number: int) -> str:
        """A test for a segment that is one variable: an expression that costs less than a regular one if there is."""
        if variable.regex in _ANY_TEXT:
            return subject
        if variable.regex == _DIGITS:
            return f"{subject}.isdigit() and {subject}.isascii()"
        if variable.choices:
            words = self._constants.name("words", number, frozenset(variable.choices))
            return f"{subject} in {words}"
        fits = self._constants.name("fits", number, re.compile(variable.regex).fullmatch)
        return f"{fits}({subject})"

    def _ends(self, state: State, values: Names) -> list[str]:
        """What is tried where the path ends in ``state``."""
        return self._answers(state, values) + self._slash(state, values)

    def _slash(self, state: State, values: Names) -> list[str]:
        """What is tried where the path ends in ``state`` but for a slash."""
        if not self._strict:
            return [
                line for entry in state.without_slash for line in self._answer(entry, values, counts=False)
            ]
        lines: list[str] = []
        for entry in state.without_slash:
            lines += answer(entry, values, self._constants, result="SLASH", counts=False)
        return lines

    def _loose(self, state: State, depth: int, values: Names) -> list[str]:
        """What is tried where the path has a slash that the rule has not, if that makes no difference."""
        if self._strict or not state.entries:
            return []
        return [f"if n == {depth + 1} and not parts[{depth}]:", *indented(self._answers(state, values))]

    def _answers(self, state: State, values: Names) -> list[str]:
        return [line for entry in state.entries for line in self._answer(entry, values)]

    def _answer(self, entry: Entry, values: Names, *, counts: bool = True) -> list[str]:
        result = "Spelling" if entry in self._rivals else "Match"
        return answer(entry, values, self._constants, result=result, counts=counts)


def _plain(part: Part) -> bool:
    """Whether the part is one variable that takes no empty text."""
    regexes = [variable.regex for variable in part.variables]
    return len(part.pieces) == 1 and regexes[0] in (*_ANY_TEXT, _DIGITS)


def _ways(state: State) -> list[State]:
    """The states one segment on; those behind a final part are as near as they can be."""
    return [*state.static.values(), *state.dynamic.values()]


def _shortest(state: State, depth: int) -> int:
    """The fewest segments of a path that may be taken by ``state``, at ``depth``, or below it."""
    if state.entries or state.without_slash or not (state.static or state.dynamic):
        return depth
    return min(_shortest(child, depth + 1) for child in _ways(state))


def _call(name: str, found: Names) -> list[str]:
    return [
        f"taken = {name}({', '.join((_PARAMETERS, *found))})",
        "if taken is not None:",
        "    return taken",
    ]
