"""The examples of docs/limits.md, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from wsgikit.testing import call

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


@pytest.fixture
def examples(host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The app of each example, made in an empty folder."""
    monkeypatch.chdir(tmp_path)
    apps = []
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        names: dict[str, Any] = {}
        exec(block, names)
        apps.append(names["app"])
    return apps


def test_each_does_what_the_page_says(examples: list[Any], tmp_path: Path) -> None:
    everything, body, header, concurrency, rate, maintenance = examples
    assert call(everything, "POST", body=b"hello").body == b"hello"
    assert call(everything, "POST", environ={"CONTENT_LENGTH": "10000001"}).status == 413
    assert call(body, "POST", body=b"hello").text == "5 bytes"
    assert call(header, headers={"Cookie": "x" * 9000}).status == 431
    assert call(concurrency).status == 200
    assert [call(rate, "POST", "/login").status for _ in range(6)] == [200] * 5 + [429]
    answer = call(rate, "GET", "/login")
    assert answer.header("RateLimit-Policy") == '"100/minute";q=100;w=60'
    assert call(maintenance).text == "open"
    (tmp_path / "maintenance").touch()
    answer = call(maintenance, environ={"REMOTE_ADDR": "203.0.113.9"})
    assert (answer.status, answer.header("Retry-After")) == (503, "600")
    assert call(maintenance).status == 200
    assert call(everything, environ={"REMOTE_ADDR": "203.0.113.9"}).status == 503
