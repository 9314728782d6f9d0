"""The proof that Router agrees with `werkzeug.routing.Map`: random rule sets, and paths that are likely to hit them.

Each example is one rule set and some fifty requests; the suite runs about 50,000 requests. A longer run:

    WSGIKIT_ROUTING_EXAMPLES=20000 python -m pytest tests/routing/test_differential.py

takes that many rule sets for each test, two million requests. The deliberate differences (docs/routing.md) are kept
out of these rule sets, or taken away on Werkzeug's side as in ``fallen_through``; test_differences.py has them all.
"""

from __future__ import annotations

import os
import random
import re
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed
from werkzeug.exceptions import NotFound as WerkzeugNotFound
from werkzeug.routing import (
    BaseConverter,
    BuildError,
    IntegerConverter,
    Map,
    RequestRedirect,
    Rule,
    ValidationError,
)

from wsgikit.routing import MethodNotAllowed, NotFound, Redirected, Route, Router

EXAMPLES = int(os.environ.get("WSGIKIT_ROUTING_EXAMPLES", "0"))


def sized(examples: int) -> settings:
    return settings(
        max_examples=EXAMPLES or examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def app(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("only matched")


class Letters(BaseConverter):
    """A converter of one's own: some letters, before the default one."""

    regex = "[a-c]+"
    weight = 60


class Language(BaseConverter):
    """One with an expression that is more than a run of characters."""

    regex = "(?:en|de)(?:-[A-Z]{2})?"


class Deep(BaseConverter):
    """One that takes slashes."""

    regex = r"[a-z]+(?:/[a-z]+)*"
    weight = 150


class Wild(BaseConverter):
    """One that takes everything, nothing too, and slashes."""

    regex = ".*"
    part_isolating = False
    weight = 300


class Small(IntegerConverter):
    """One that rejects values, and notes that it did: ``number`` is that of its rule."""

    rejected: ClassVar[set[int]] = set()

    def __init__(self, url_map: Map, number: int) -> None:
        super().__init__(url_map, max=20)
        self.number = number

    def to_python(self, value: str) -> Any:
        try:
            return super().to_python(value)
        except ValidationError:
            self.rejected.add(self.number)
            raise


class EveryHost(BaseConverter):
    """What stands in Werkzeug's rules for a route without a host: any host, tried last."""

    weight = 10_000


CONVERTERS = {"letters": Letters, "lang": Language, "deep": Deep, "wild": Wild, "small": Small}

# Each with texts that it takes, and some that it does not.
PLACEHOLDERS: dict[str, list[str]] = {
    "<{}>": ["a", "ab", "12", "x.y", "é", "a b"],
    "<string(length=2):{}>": ["ab", "12", "abc", "a"],
    "<string(minlength=2):{}>": ["ab", "abc", "a"],
    "<string(maxlength=2):{}>": ["a", "ab", "abc"],
    "<int:{}>": ["0", "12", "007", "-3", "a1"],
    "<int(signed=True):{}>": ["12", "-3", "--3"],
    "<float:{}>": ["1.5", "1.", "12", "-1.5"],
    "<float(signed=True):{}>": ["1.5", "-1.5"],
    "<any(a, b, 'x.y'):{}>": ["a", "b", "x.y", "ab"],
    "<uuid:{}>": ["8b0bd5cc-1f63-4c5e-9d0c-27a4f6a2e111", "8b0bd5cc"],
    "<path:{}>": ["a", "a/b", "a/b/12", "x.y/", "a//b", "a/en/b"],
    "<letters:{}>": ["abc", "a", "d"],
    "<lang:{}>": ["en", "de-AT", "fr"],
    "<deep:{}>": ["a/b", "ab", "12"],
    "<wild:{}>": ["", "a", "a/b", "/a"],
}
PLAIN = ["a", "b", "ab", "en", "12", "x.y", "v1", "é", "A"]
GLUE = ["-", ".", "a", "v", ".html", "/"]

placeholder = st.sampled_from(list(PLACEHOLDERS))
simple = st.sampled_from(["<{}>", "<int:{}>", "<path:{}>", "<string(length=2):{}>", "<any(a, b, 'x.y'):{}>"])
segment = st.one_of(
    st.sampled_from(PLAIN),
    st.sampled_from(PLAIN),
    simple,
    placeholder,
    st.builds(lambda text, place: text + place, st.sampled_from(GLUE[:4]), placeholder),
    st.builds(lambda one, glue, two: one + glue + two, placeholder, st.sampled_from(GLUE), placeholder),
    st.builds(lambda place, text: place + text, placeholder, st.sampled_from(GLUE[:5])),
)
paths = st.builds(
    lambda segments, end: re.sub("^/+", "/", "/" + "/".join(segments) + end),
    st.lists(segment, max_size=4),
    st.sampled_from(["", "", "/"]),
)
methods = st.sampled_from([None, None, None, ("GET",), ("POST",), ("GET", "POST"), ("PUT", "HEAD")])
hosts = st.sampled_from(
    ["a.example", "b.example", "<h>.example", "<any(a, b):h>.example", "<h>", "<int:h>.example"]
)


def numbered(rule: str) -> str:
    """Every placeholder with a name of its own."""
    count = iter(range(100))
    return re.sub(r"\{\}", lambda _: f"v{next(count)}", rule)


@st.composite
def rule_sets(draw: st.DrawFn, *, hosted: bool = False) -> list[dict[str, Any]]:
    found = []
    for index, rule in enumerate(draw(st.lists(paths, min_size=1, max_size=7))):
        made: dict[str, Any] = {
            "rule": numbered(rule),
            "methods": draw(methods),
            "name": f"n{index}",
            "defaults": None,
        }
        made["host"] = draw(st.none() | hosts) if hosted else None
        found.append(made)
        for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
            # The same rule once more, or another spelling of its page, the canonical one when v0 is 12.
            again = {**made, "methods": draw(methods), "host": draw(hosts) if made["host"] else None}
            if "<int:v0>" in made["rule"] and draw(st.booleans()):
                short = made["rule"].replace("<int:v0>", draw(st.sampled_from(["twelve", "dozen"])), 1)
                again.update(rule=short, defaults={"v0": 12})
            elif draw(st.booleans()):
                again["name"] += "again"
            found.append(again)
    return found


def requests(rules: list[dict[str, Any]], seed: int) -> list[tuple[str, str]]:
    """Paths that these rules take, or nearly, each with a method."""
    draw = random.Random(seed)
    asked = []
    for _ in range(48):
        path = filled(draw.choice(rules)["rule"], draw)
        for _ in range(draw.choice([0, 0, 1, 1, 2])):
            path = spoiled(path, draw)
        asked.append((path, draw.choice(["GET", "GET", "HEAD", "POST", "PUT", "OPTIONS"])))
    return asked


def filled(rule: str, draw: random.Random) -> str:
    texts = {re.sub(r"\{\}>$", "", place): values for place, values in PLACEHOLDERS.items()}
    return re.sub(r"(<(?:[^<>]*:)?)v\d+>", lambda match: draw.choice(texts[match[1]]), rule)


def spoiled(path: str, draw: random.Random) -> str:
    place = draw.randrange(len(path) + 1)
    return draw.choice(
        [
            lambda: path + "/",
            lambda: path.rstrip("/"),
            lambda: path.replace("/", "//", 1),
            lambda: path[:place] + draw.choice(["/", "a", "1", ".", "-", "\n", "é", "//"]) + path[place:],
            lambda: path[:place] + path[place + 1 :],
            lambda: path[1:],
            lambda: path + "/" + draw.choice(PLAIN),
        ]
    )()


def ours(router: Router, path: str, method: str, host: str = "") -> tuple[Any, ...]:
    try:
        match = router.match(path, method, host=host)
    except NotFound:
        return ("404",)
    except MethodNotAllowed as error:
        return "405", frozenset(error.allow)
    except Redirected as error:
        return "308", error.location
    number = next(number for number, route in enumerate(router.routes) if route is match.route)
    return "match", number, match.args


def theirs(url_map: Map, path: str, method: str, host: str = "") -> tuple[Any, ...]:
    asked = host or "localhost"
    try:
        rule, args = url_map.bind(asked).match(path, method, return_rule=True)
    except RequestRedirect as error:
        url = urlsplit(error.new_url)
        assert not url.query
        return "308", url.path if url.netloc == asked else error.new_url
    except WerkzeugMethodNotAllowed as error:
        return "405", frozenset(error.valid_methods or ())
    except WerkzeugNotFound:
        return ("404",)
    except (
        ValueError
    ):  # the converters of the canonical spelling cannot write the values: no redirect, in ours
        return ("cannot",)
    args = dict(args)
    args.pop("every_host", None)
    return "match", rule.number, args  # type: ignore[attr-defined]


def werkzeug(
    rules: list[dict[str, Any]], *, hosted: bool = False, but: set[int] = frozenset(), **options: Any
) -> Map:  # type: ignore[assignment]
    made = Map(converters={**CONVERTERS, "every": EveryHost}, host_matching=hosted, **options)
    for number, told in enumerate(rules):
        if number not in but:
            rule = Rule(
                told["rule"],
                methods=told["methods"],
                endpoint=told["name"],
                defaults=told["defaults"],
                host=(told["host"] or "<every:every_host>") if hosted else None,
            )
            rule.number = number  # type: ignore[attr-defined]
            made.add(rule)
    return made


def router_of(rules: list[dict[str, Any]], **options: Any) -> Router:
    return Router([Route(app=app, **told) for told in rules], converters=CONVERTERS, **options)


@sized(800)
@given(rules=rule_sets(), seed=st.integers(0, 1 << 32), strict=st.booleans(), merge=st.booleans())
def test_router_agrees_with_werkzeug(
    rules: list[dict[str, Any]], seed: int, strict: bool, merge: bool
) -> None:
    url_map = werkzeug(rules, strict_slashes=strict, merge_slashes=merge)
    router = router_of(rules, strict_slashes=strict, merge_slashes=merge)
    for path, method in requests(rules, seed):
        assert ours(router, path, method) == theirs(url_map, path, method), (path, method)


@sized(240)
@given(rules=rule_sets(hosted=True), seed=st.integers(0, 1 << 32))
def test_router_agrees_with_werkzeug_on_hosts(rules: list[dict[str, Any]], seed: int) -> None:
    url_map, router = werkzeug(rules, hosted=True), router_of(rules)
    for number, (path, method) in enumerate(requests(rules, seed)):
        host = ["a.example", "b.example", "c.example", "12.example", "localhost"][number % 5]
        mine, wanted = ours(router, path, method, host), theirs(url_map, path, method, host)
        assert mine == wanted or (wanted == ("cannot",) and mine[0] == "match"), (path, method, host)


@st.composite
def rejecting_rule_sets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rule sets in which about half of the rules have a converter that rejects numbers above 20."""
    places = st.sampled_from(
        ["<small(N):{}>", "<int:{}>", "<{}>", "a", "v<small(N):{}>", "<path:{}>/<small(N):{}>"]
    )
    found = []
    for index, places_of_rule in enumerate(
        draw(st.lists(st.lists(places, min_size=1, max_size=3), min_size=2, max_size=6))
    ):
        rule = numbered("/" + "/".join(places_of_rule) + draw(st.sampled_from(["", "", "/"]))).replace(
            "(N)", f"({index})"
        )
        made = {"rule": rule, "methods": draw(methods), "name": f"n{index}", "defaults": None, "host": None}
        found.append(made)
    return found


def fallen_through(rules: list[dict[str, Any]], path: str, method: str) -> tuple[Any, ...]:
    """What Werkzeug says when the rules that reject a value are taken away, as if they had never been there."""
    without: set[int] = set()
    while True:
        url_map = werkzeug(rules, but=without)
        Small.rejected.clear()
        found = theirs(url_map, path, method)
        if found[0] == "308":  # Werkzeug redirects first, and rejects the value then
            theirs(url_map, unquote(found[1]), method)
        if not Small.rejected:
            return found
        without |= Small.rejected


@sized(150)
@given(rules=rejecting_rule_sets(), seed=st.integers(0, 1 << 32))
def test_a_rejected_value_is_as_if_the_rule_were_not_there(rules: list[dict[str, Any]], seed: int) -> None:
    router = router_of(rules)
    draw = random.Random(seed)
    for _ in range(12):
        parts = [
            draw.choice(["a", "7", "20", "21", "400", "v7", "v21", "b"])
            for _ in range(draw.choice([1, 2, 3, 4]))
        ]
        path, method = "/" + "/".join(parts) + draw.choice(["", "/"]), draw.choice(["GET", "POST", "PUT"])
        mine, wanted = ours(router, path, method), fallen_through(rules, path, method)
        if wanted[0] == "405":  # counts the methods of rules whose value was not looked at
            assert mine[0] == "404" or (mine[0] == "405" and mine[1] <= wanted[1])
        else:
            assert mine == wanted, (path, method)


@sized(250)
@given(rules=rule_sets(), data=st.data())
def test_urls_are_built_as_werkzeug_builds_them(rules: list[dict[str, Any]], data: st.DataObject) -> None:
    adapter, router = werkzeug(rules).bind("localhost"), router_of(rules)
    values = st.dictionaries(
        st.sampled_from(["v0", "v1", "v2", "page", "q"]),
        st.sampled_from(["a", "x/y", "a b", "é&=?#", "/a", 12, 7, 1.5, None, ["1", "2"]]),
    )
    for _ in range(8):
        name, given_values = data.draw(st.sampled_from([rule["name"] for rule in rules])), data.draw(values)
        assert built(router.url_for, name, given_values) == built(
            lambda name, **values: adapter.build(name, values), name, given_values
        )


def built(build: Any, name: str, values: dict[str, Any]) -> Any:
    try:
        return build(name, **values)
    except (BuildError, LookupError):
        return "cannot"
    except (ValueError, TypeError):  # what a converter makes of a value that it cannot write
        return "wrong value"
