"""Apps in the middle: the same pages in ten ways of writing a WSGI app, and the questions each is asked.

from tests.servers.apps import APPS
from tests.servers.apps.questions import ask_app

mount = Mount({f"/apps/{name}": Lazy(app.target) for name, app in APPS.items()}, cookies="scoped")
ask_app(port, "flask", at="/apps/flask")
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class App:
    """An app in the middle: where it is, and what it cannot do itself whatever stands around it.

    ``chunked``: whether it reads an upload that has no Content-Length, ended by the server.
    """

    name: str
    chunked: bool = True

    @property
    def target(self) -> str:
        """For ``Lazy`` and for servers."""
        return f"tests.servers.apps.{self.name}_app:application"


APPS: dict[str, App] = {
    app.name: app
    for app in (
        App("flask"),
        App("django", chunked=False),  # its LimitedStream takes no length for an empty body
        App("pyramid"),
        App("bottle", chunked=False),  # sees Transfer-Encoding, and reads the framing a second time
        App("falcon"),
        App("generator"),
        App("webob"),
        App("werkzeug"),
        App("write"),
        App("asgi", chunked=False),  # a2wsgi reads Content-Length bytes
    )
}
