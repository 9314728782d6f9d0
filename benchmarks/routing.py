"""Routing: `python benchmarks/routing.py`. Router beside Werkzeug's Map and Falcon's compiled router, in one run.

180 rules of the GitHub API, one path for each. Each figure is the smallest of many rounds over all paths, the rounds of
the peers taken in turn, so that a busy moment of the machine falls on all of them; the ratios are what to look at.
"""

from __future__ import annotations

import re
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from falcon.routing import CompiledRouter
from werkzeug.routing import Map, Rule
from werkzeug.test import create_environ

from wsgikit.routing import Route, Router

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 300

RULES = (Path(__file__).parent / "github_routes.txt").read_text().split()

PATHS = [re.sub("<[^>]+>", lambda m: "4711" if "int:" in m[0] else "octocat", rule) for rule in RULES]
MISSES = [
    "/wp-login.php",
    "/repos/octocat",
    "/repos/octocat/x/nothing",
    "/repos/a/b/pulls/x/files",
    "/users/a/b/c/d",
]


def app(environ: Any, start_response: Any) -> list[bytes]:
    """The app of every rule."""
    return []


class Resource:
    """Falcon's side of a rule."""

    def on_get(self, request: Any, response: Any, **args: Any) -> None:
        """Answers nothing."""


def routers() -> tuple[Router, Any, CompiledRouter]:
    """Ours, Werkzeug's and Falcon's, with the same rules."""
    router = Router([Route(rule, app, methods=["GET"]) for rule in RULES])
    adapter = Map([Rule(rule, endpoint=rule, methods=["GET"]) for rule in RULES])
    falcon = CompiledRouter()
    for rule in RULES:
        template = re.sub("<int:(.*?)>", r"{\1:int}", rule).replace("<", "{").replace(">", "}")
        falcon.add_route(template, Resource())
    return router, adapter, falcon


def smallest(contenders: dict[str, Callable[[], None]], rounds: int, calls: int) -> dict[str, float]:
    """Microseconds per call of each contender: the smallest of ``rounds``, taken in turn."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, run in contenders.items():
            start = perf_counter()
            run()
            best[name] = min(best[name], perf_counter() - start)
    return {name: took / calls * 1e6 for name, took in best.items()}


def show(title: str, figures: dict[str, float], unit: str = "us") -> None:
    """The figures, and each as a multiple of the first."""
    print(title)
    first = next(iter(figures.values()))
    for name, figure in figures.items():
        print(f"  {name:<42}{figure:9.2f} {unit}   {figure / first:6.2f}x")


def over(
    paths: list[str], call: Callable[[str], Any], error: type[Exception] | tuple[()] = ()
) -> Callable[[], None]:
    """One round: ``call`` with each path."""

    def run() -> None:
        for path in paths:
            try:
                call(path)
            except error:
                pass

    return run


def matching() -> None:
    """A look-up on a path alone."""
    router, url_map, falcon = routers()
    adapter = url_map.bind("localhost")
    for title, paths in ((f"match, {len(PATHS)} paths", PATHS), ("match, 5 paths that miss", MISSES)):
        figures = smallest(
            {
                "Router.match": over(paths, router.match, Exception),
                "falcon CompiledRouter.find": over(paths, falcon.find, Exception),
                "werkzeug MapAdapter.match": over(paths, adapter.match, Exception),
            },
            ROUNDS,
            len(paths),
        )
        show(title, figures)


def requests() -> None:
    """A whole request, from environ to the app."""
    router, url_map, _ = routers()
    environs = [create_environ(path) for path in PATHS]
    figures = smallest(
        {
            "Router(environ, start_response)": over(environs, lambda environ: router(environ, print)),  # type: ignore[arg-type]
            "werkzeug bind_to_environ().match()": over(
                environs,
                lambda environ: url_map.bind_to_environ(environ).match(),  # type: ignore[arg-type]
            ),
        },
        ROUNDS // 3,
        len(PATHS),
    )
    show("request", figures)


def linear() -> None:
    """Four path converters against paths that do not match: what grows with the path, and how."""
    rule = "/<path:a>/<path:b>/<path:c>/<path:d>/end"
    router = Router([Route(rule, app)])
    paths = {segments: "/a" * segments for segments in (150, 600, 2400)}
    figures = smallest(
        {f"Router.match, {n} segments": over([path], router.match, Exception) for n, path in paths.items()},
        20,
        1,
    )
    show(f"{rule}, no match", figures)
    adapter = Map([Rule(rule, endpoint="x")]).bind("localhost")
    figures = smallest(
        {f"werkzeug, {n} segments": over(["/a" * n], adapter.match, Exception) for n in (50, 100, 150)}, 1, 1
    )
    show("", figures)


def building() -> None:
    """The way back, from name and values to a URL."""
    rule = "/repos/<owner>/<repo>/pulls/<int:number>/files"
    router = Router([Route(rule, app, name="files")])
    adapter = Map([Rule(rule, endpoint="files")]).bind("localhost")
    values = {"owner": "octocat", "repo": "hello", "number": 4711}
    figures = smallest(
        {
            "Router.url_for": over([""] * 100, lambda _: router.url_for("files", **values)),
            "werkzeug MapAdapter.build": over([""] * 100, lambda _: adapter.build("files", values)),
        },
        ROUNDS,
        100,
    )
    show("url_for", figures)


if __name__ == "__main__":
    print(f"{len(RULES)} rules")
    matching()
    requests()
    linear()
    building()
