"""The examples of docs/mounting.md, run as they stand there, one after the other."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.testing import call

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

PAGE = Path(__file__).parents[2] / "docs" / "mounting.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def halves(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The apps that the page takes for granted, and the module that it names."""
    shop = ModuleType("shop.wsgi")
    shop.app = halves  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.wsgi", shop)

    def twin(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return halves(environ, start_response)

    return {**dict.fromkeys(("site", "blog", "admin", "shop"), halves), "beta": twin}


def test_the_examples_run(names: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    answers = []
    for example in EXAMPLES:
        exec(example, names)
        application = names.pop("application", None)
        if application is not None and type(application).__name__ != "Cascade":  # its backend is not there
            names["application"] = application
            answers.append(call(application, path="/shop/x").text)
    assert answers[0] == "|/shop/x"  # Mount's "/"
    assert answers.count("/shop|/x") == 2  # the two of Prefix
    (record,) = caplog.records
    assert record.getMessage().startswith("'beta.wsgi:app': there is no module 'beta'")
