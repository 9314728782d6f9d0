from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgikit.core.middleware import Application, Middleware
from wsgikit.core.tree import draw, walk


class Outer(Middleware):
    def __init__(self, app: Any, *, level: int = 1) -> None:
        super().__init__(app)


class Table(Application):
    def __init__(self, apps: dict[str, Any]) -> None:
        self.apps = apps

    def children(self) -> Any:
        return self.apps.items()


def page(environ: Any, start_response: Any) -> list[bytes]:
    return []


def test_the_tree_reads_in_request_order() -> None:
    app = Outer(ProxyFix(Table({"/": page, "/shop": Outer(Flask("shop"), level=3)})), level=2)
    assert draw(app).splitlines() == [
        "Outer(level=2)",
        "werkzeug.middleware.proxy_fix.ProxyFix",
        "Table()",
        f"├─ / → {__name__}.page",
        "└─ /shop → Outer(level=3)",
        "   flask.app.Flask",
    ]


def test_walk_gives_depth_label_and_app() -> None:
    table = Table({"/": page})
    assert list(walk(Outer(table))) == [(0, "", Outer(table)), (1, "app", table), (2, "/", page)]


def test_a_circle_is_entered_once() -> None:
    apps: dict[str, Any] = {}
    table = Table(apps)
    apps["/again"] = table
    assert len(draw(table).splitlines()) == 2
