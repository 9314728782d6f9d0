"""An app that says which one it is, and how the tests here ask it and look at signatures."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from wsgikit.testing import call

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Named:
    """An app that answers with its name and the two halves of the path; equal by name, so that it can be pickled."""

    def __init__(self, name: str, status: str = "200 OK") -> None:
        self.name, self.status = name, status

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self.status, [("Content-Type", "text/plain")])
        return ["|".join((self.name, environ["SCRIPT_NAME"], environ["PATH_INFO"])).encode("latin-1")]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


def answer(app: WSGIApplication, path: str, **environ: Any) -> str:
    result = call(app, path=path, environ=environ)
    return result.text if result.status == 200 else str(result.status)


def shape(cls: type) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return [(p.name, p.kind, p.default) for p in parameters]
