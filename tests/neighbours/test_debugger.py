"""Werkzeug's DebuggedApplication and our layers: whose page a failure gets, and whether the debugger can be reached."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.debug import DebuggedApplication

from tests.neighbours.scene import Closing, Log, fails_after_its_head, fails_at_once
from wsgikit import (
    CatchErrors,
    Compress,
    ConditionalGet,
    ErrorPages,
    Head,
    Layer,
    Mount,
    Stack,
    TrustedProxies,
)
from wsgikit.testing import call, lint
from wsgikit.testing.call import Result

DEBUGGER = Layer(DebuggedApplication, evalex=True, pin_logging=False)
LOCAL = {"Host": "127.0.0.1"}  # the debugger takes no commands under other names


def debugged(answer: Result) -> bool:
    return "<title>tests.neighbours.scene.Failure: the reason" in answer.text


def test_inside_catch_errors_the_debugger_answers_and_the_page_is_packed_and_logged() -> None:
    log = Log()
    stack = Stack(log.layer, Layer(CatchErrors), Layer(Compress), DEBUGGER)
    answer = call(lint(stack(fails_at_once)), headers={**LOCAL, "Accept-Encoding": "gzip"})
    assert answer.status == 500
    assert b"the reason" in gzip.decompress(answer.body)
    assert "the reason" in answer.errors  # it writes the traceback to wsgi.errors
    assert log.lines == [f"500 {len(answer.body)}"]


def test_around_catch_errors_the_debugger_sees_nothing(caplog: pytest.LogCaptureFixture) -> None:
    answer = call(Stack(DEBUGGER, Layer(CatchErrors))(fails_at_once), headers=LOCAL)
    assert answer.status == 500
    assert not debugged(answer)
    assert [record.name for record in caplog.records] == ["wsgikit.errors"]


def test_after_a_head_the_debugger_has_no_page_and_catch_errors_inside_has() -> None:
    """It starts a second answer without exc_info, which PEP 3333 forbids, and then keeps still."""
    silent = call(Stack(Layer(CatchErrors), DEBUGGER)(fails_after_its_head), headers=LOCAL)
    assert (silent.status, silent.body) == (200, b"")
    assert "the reason" in silent.errors
    assert call(Stack(DEBUGGER, Layer(CatchErrors))(fails_after_its_head), headers=LOCAL).status == 500


def test_error_pages_outside_takes_the_place_of_its_page() -> None:
    def apology(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"sorry"]

    answer = call(Stack(Layer(ErrorPages, {500: apology}), DEBUGGER)(fails_at_once), headers=LOCAL)
    assert (answer.status, answer.text) == (500, "sorry")


def test_under_a_mount_its_scripts_and_its_commands_are_reached() -> None:
    log = Log("%>s %U")
    mounted = Mount({"/shop": DEBUGGER(fails_at_once)}, cookies="scoped")
    stack = Stack(log.layer, Layer(CatchErrors), Layer(Compress), Layer(ConditionalGet), Layer(Head))
    app = lint(stack(mounted))
    page = call(app, path="/shop/cart", headers=LOCAL).text
    for link in re.findall(r'(?:href|src)="([^"]+)"', page):
        resource = call(app, path="/shop/cart" + link.replace("&amp;", "&"), headers=LOCAL)
        assert resource.status == 200
        tag = str(resource.header("ETag"))
        again = {**LOCAL, "If-None-Match": tag}
        assert call(app, path="/shop/cart" + link.replace("&amp;", "&"), headers=again).status == 304
    (secret,) = re.findall(r'SECRET = "(\w+)"', page)
    pin = call(app, path=f"/shop/cart?__debugger__=yes&cmd=printpin&s={secret}", headers=LOCAL)
    assert pin.status == 200
    assert {line.split()[1] for line in log.lines} == {"/shop/cart"}


@pytest.mark.parametrize(("host", "commands"), [("127.0.0.1", "true"), ("shop.example", "false")])
def test_it_takes_commands_only_under_the_name_that_trusted_proxies_has_verified(
    host: str, commands: str
) -> None:
    stack = Stack(Layer(TrustedProxies, "loopback"), DEBUGGER)
    headers = {**LOCAL, "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": host}
    page = call(stack(fails_at_once), headers=headers).text
    assert re.findall(r"EVALEX = (\w+)", page) == [commands]


def test_where_nothing_fails_it_is_not_noticed() -> None:
    app = Closing()
    assert call(lint(Stack(Layer(Compress), DEBUGGER)(lint(app)))).body == b"".join(app)
    assert app.closed == 1
