"""Paste's TransLogger around our layers and between them: it logs what TrustedProxies has verified."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from paste.translogger import TransLogger

from tests.neighbours.scene import Closing, Log, fails_at_once
from wsgikit import CatchErrors, Compress, Layer, Stack, TrustedProxies
from wsgikit.compat import TransLogger as OurTransLogger
from wsgikit.testing import awkward_apps, call

THEIRS = Layer(
    TransLogger,
    logger=logging.getLogger("paste"),
    format="%(REMOTE_ADDR)s %(REQUEST_URI)s %(status)s %(bytes)s",
)
TRUST = Layer(TrustedProxies, ["loopback", "10.0.0.0/8"])


@pytest.fixture(autouse=True)
def at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "paste")


@pytest.mark.parametrize("stack", [Stack(TRUST, THEIRS), Stack(THEIRS, TRUST)], ids=["inside", "outside"])
def test_the_forged_address_is_gone_on_either_side_of_trusted_proxies(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes X-Forwarded-For as it comes, and looks at environ as late as the answer's head."""
    call(stack(Closing()), headers={"X-Forwarded-For": "198.51.100.66, 203.0.113.9"})
    assert caplog.messages == ["203.0.113.9 / 200 -"]


def test_a_chain_of_proxies_it_logs_whole_where_access_log_has_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Log("%a")
    stack = Stack(log.layer, THEIRS, TRUST)
    call(stack(Closing()), headers={"X-Forwarded-For": "203.0.113.9, 10.0.0.2"})
    assert caplog.messages == ["203.0.113.9, 10.0.0.2 / 200 -"]
    assert log.lines == ["203.0.113.9"]


def test_around_compress_it_logs_the_size_only_where_there_is_a_length(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return iter([b"<p>a page</p>" * 100])

    log = Log("%B")
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        answer = call(Stack(log.layer, THEIRS, Layer(Compress))(page), headers=headers)
        assert log.lines.pop() == str(len(answer.body))
    assert [message.split()[-1] for message in caplog.messages] == ["-", "-"]


def test_it_logs_a_failure_only_around_catch_errors(caplog: pytest.LogCaptureFixture) -> None:
    call(Stack(Layer(CatchErrors), THEIRS)(fails_at_once))
    assert not [message for message in caplog.messages if "127.0.0.1" in message]
    call(Stack(THEIRS, Layer(CatchErrors))(fails_at_once))
    assert "127.0.0.1 / 500 73" in caplog.messages


def test_it_drops_exc_info_so_that_a_late_failure_has_no_page_where_it_stands_outside() -> None:
    """PEP 3333 lets a head be taken back with exc_info alone."""
    app = awkward_apps["raises before the first byte"]
    with pytest.raises(AssertionError, match="without exc_info"):
        call(Stack(THEIRS, Layer(CatchErrors))(app))
    assert call(OurTransLogger(CatchErrors(app), setup_console_handler=False)).status == 500
