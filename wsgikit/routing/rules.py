"""Rules: what uWSGI calls internal or advanced routing, for any server.

A list of rules is looked through in order, against the request as the rules before have left it. A rule whose condition
holds applies its actions in order. The first action that answers ends the request phase; without one, the app answers.
A rule is itself an action, so that a group is a rule that holds rules, and no label has to be jumped to. Response
headers and notes that wait for a status are put on in the response phase, whoever answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.condition import Condition
from wsgikit.core.environ import url
from wsgikit.core.errors import wrong_type
from wsgikit.core.middleware import Middleware
from wsgikit.core.tree import describe
from wsgikit.core.units import flag
from wsgikit.routing.actions import Action
from wsgikit.routing.passage import Passage
from wsgikit.routing.responders import Refusal
from wsgikit.routing.templates import UnfitCapture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.routing.actions import Values

_ALWAYS: dict[str, str] = {}


class Rule(Action):
    """Applies actions to the requests for which a condition holds.

    - ``when``: a condition; None or True for every request. Its captures go into the actions' templates, and into
      those of the rules inside.
    - ``actions``: in order; a ``Rule`` among them is tried like any other, within this one. None at all is of use with
      ``last``.
    - ``last``: True ends the list that this rule stands in, if its condition holds. A rule inside another ends the
      other's list, not the whole: say so in both for that.
    """

    def __init__(self, when: Condition | bool | None, *actions: Action, last: bool = False) -> None:
        if when is not None and when is not True and not isinstance(when, Condition):
            raise wrong_type("Rule", "when", when, "a condition such as Method('GET'), or None for always")
        for action in actions:
            if not isinstance(action, Action):
                raise wrong_type("Rule", "actions", action, "an action such as Deny(), or a Rule")
        if not actions and not last:
            raise TypeError("Rule: neither an action nor last=True is given, so that it does nothing")
        self.when = when
        self.actions = actions
        self.last = flag("Rule", "last", last)
        self._condition = when if isinstance(when, Condition) else None

    def children(self) -> Iterator[tuple[str, WSGIApplication]]:
        """The apps that its actions send requests to."""
        for action in self.actions:
            yield from action.children()

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        captured = _ALWAYS if self._condition is None else self._condition.match(passage.environ)
        if passage.trace is not None:
            passage.trace.append((self, captured))
        if captured is None:
            return None
        if captured:
            values = {**values, **captured}
        answer = follow(self.actions, passage, values)
        return _end_of_list if answer is None and self.last else answer


def follow(actions: Sequence[Action], passage: Passage, values: Values) -> WSGIApplication | None:
    """Apply actions in order until one answers or the list is at its end; gives the app that answers, if any."""
    for action in actions:
        answer = action.apply(passage, values)
        if answer is not None:
            return None if answer is _end_of_list else answer
    return None


def _end_of_list(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stands for a rule that was the last of its list; never called."""
    raise NotImplementedError


class Rules(Middleware):
    """Rewrites, redirects, answers or labels requests by an ordered list of rules, and passes the others on.

    ``rules``: see ``Rule``; the first comes first. A request that no rule changes is handed to the app as it came, any
    other as a copy. A capture that cannot stand where a rule puts it is answered 400.
    """

    def __init__(self, app: WSGIApplication, rules: Sequence[Rule]) -> None:
        super().__init__(app)
        if isinstance(rules, Rule) or not hasattr(rules, "__iter__"):
            raise wrong_type(
                "Rules", "rules", rules, "a list of rules, such as [Rule(Method('TRACE'), Deny())]"
            )
        self.rules = tuple(rules)
        for rule in self.rules:
            if not isinstance(rule, Rule):
                raise wrong_type("Rules", "rules", rule, "a rule, such as Rule(Method('TRACE'), Deny())")

    def children(self) -> Iterator[tuple[str, WSGIApplication]]:
        """The app, and before it those that rules send requests to."""
        for number, rule in enumerate(self.rules, 1):
            for label, app in rule.children():
                yield f"rule {number}, {label}", app
        yield "app", self.app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        passage = Passage(environ)
        answer = self._decide(passage)
        app = self.app if answer is None else answer
        return app(passage.environ, passage.start(start_response))

    def explain(self, environ: WSGIEnvironment) -> str:
        """What the rules make of a request, as text: which conditions hold, what they capture, who answers.

        Nothing is answered and ``environ`` stays as it is. Conditions and BasicAuth's ``check`` are asked as always.
        """
        copy = environ.copy()
        copy["wsgikit.notes"] = dict(environ.get("wsgikit.notes", ()))
        passage = Passage(copy, trace=[])
        answer = self._decide(passage)
        lines = [_line(rule, captured) for rule, captured in passage.trace or ()]
        outcome = f"answered by {describe(self.app) if answer is None else repr(answer)}"
        return "\n".join([*lines, f"{outcome}, asked for {url(passage.environ)}"])

    def _decide(self, passage: Passage) -> WSGIApplication | None:
        try:
            return follow(self.rules, passage, route_values(passage.environ))
        except UnfitCapture as unfit:
            return Refusal(400, f"This request cannot be followed: {unfit}.")


def route_values(environ: WSGIEnvironment) -> dict[str, str]:
    """The values that a router outside has found in the path, as text."""
    routed = environ.get("wsgiorg.routing_args")
    return {name: str(value) for name, value in routed[1].items()} if routed else {}


def _line(rule: Rule, captured: dict[str, str] | None) -> str:
    asked = repr(rule.when) if isinstance(rule.when, Condition) else "always"
    if captured is None:
        return f"no   {asked}"
    found = f" {captured}" if captured else ""
    return f"yes  {asked}{found}: {', '.join(map(repr, rule.actions)) or 'last'}"
