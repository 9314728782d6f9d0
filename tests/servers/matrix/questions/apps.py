"""The apps in the middle: ten ways of writing a WSGI app, each behind the gateway."""

from __future__ import annotations

from tests.servers.apps import APPS
from tests.servers.apps.questions import SHORT, ask_app
from tests.servers.matrix.ask import Ask
from tests.servers.matrix.question import question

THEME = "Apps"

NAMES = {
    "flask": "Flask",
    "django": "Django",
    "pyramid": "Pyramid",
    "bottle": "Bottle",
    "falcon": "Falcon",
    "generator": "a generator",
    "webob": "WebOb",
    "werkzeug": "Werkzeug",
    "write": "a write() app",
    "asgi": "ASGI by a2wsgi",
}


def put(name: str) -> None:
    """A column for the app with this name."""

    def ask_it(ask: Ask) -> None:
        ask_app(ask.port, name, at=f"/apps/{name}", questions=SHORT)

    ask_it.__doc__ = f"{NAMES[name]}: the app's links, client and upload are right where it is mounted."
    question(THEME, NAMES[name])(ask_it)


for name in APPS:
    put(name)
