"""The examples of docs/client-identity.md and docs/access-log.md, run as they stand there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from wsgikit.testing import call

DOCS = Path(__file__).parents[2] / "docs"


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)


def test_client_identity() -> None:
    proxies, request_id, filtered, compat = examples("client-identity.md")
    names: dict[str, Any] = {}
    exec(proxies, names)
    story = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.0.0.2"}
    answer = call(names["app"], headers=story, environ={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.text == "203.0.113.9"
    assert call(names["app"], headers=story, environ={"REMOTE_ADDR": "198.51.100.7"}).text == "198.51.100.7"
    exec(request_id, names)
    answer = call(names["app"])
    assert answer.header("X-Request-Id") == answer.text
    exec(filtered, names)
    assert len(names["handler"].filters) == 1
    exec(compat, names)
    assert call(names["app"], headers=story, environ={"REMOTE_ADDR": "10.0.0.1"}).text == "10.0.0.2"


def test_access_log(capsys: pytest.CaptureFixture[str]) -> None:
    example, failed, compat = examples("access-log.md")
    names: dict[str, Any] = {}
    exec(example, names)
    call(names["app"], path="/livez")
    call(names["app"], path="/", environ={"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"})
    entry = json.loads(capsys.readouterr().out)
    assert (entry["url.path"], entry["client.address"]) == ("/", "203.0.113.9")
    keys = re.findall(r"`([a-z_.]+)`", (DOCS / "access-log.md").read_text())
    assert set(entry) <= set(keys)
    exec(failed, names)
    call(names["app"], path="/quick")
    assert "/quick" not in capsys.readouterr().err
    exec(compat, names)
    assert type(names["app"]).__name__ == "TransLogger"
