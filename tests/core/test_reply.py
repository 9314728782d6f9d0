from __future__ import annotations

import json
from typing import Any

import pytest

from wsgikit.core.reply import reason, reply
from wsgikit.testing import call, lint


def refusing(status: int, detail: str = "", headers: Any = ()) -> Any:
    return lint(
        lambda environ, start_response: reply(environ, start_response, status, detail, headers=headers)
    )


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; charset=utf-8"),
        ("*/*", "text/plain; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("application/problem+json, text/html;q=0.5", "application/problem+json"),
        ("image/png", "text/plain; charset=utf-8"),
    ],
)
def test_the_form_is_what_accept_asks_for(accept: str, kind: str) -> None:
    answer = call(refusing(404, "nothing here"), headers={"Accept": accept} if accept else {})
    assert answer.status == 404
    assert answer.reason == "Not Found"
    assert answer.header("Content-Type") == kind
    assert answer.header("Content-Length") == str(len(answer.body))
    assert b"nothing here" in answer.body


def test_problem_json_says_what_rfc_9457_names() -> None:
    answer = call(refusing(503, "try later"), headers={"Accept": "application/json"})
    assert json.loads(answer.body) == {"title": "Service Unavailable", "status": 503, "detail": "try later"}


def test_html_is_escaped() -> None:
    answer = call(refusing(400, "<script>"), headers={"Accept": "text/html"})
    assert b"&lt;script&gt;" in answer.body
    assert b"<script>" not in answer.body


def test_head_has_the_length_and_no_body() -> None:
    got, head = call(refusing(404, "x")), call(refusing(404, "x"), "HEAD")
    assert head.body == b""
    assert head.header("Content-Length") == got.header("Content-Length")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_has_none(status: int) -> None:
    answer = call(refusing(status, "ignored"))
    assert answer.body == b""
    assert answer.header("Content-Type") is None


def test_headers_are_added() -> None:
    assert call(refusing(503, headers=[("Retry-After", "5")])).header("Retry-After") == "5"


def test_every_status_has_a_reason() -> None:
    assert reason(499) == "Status"
    assert reason(200) == "OK"
