from __future__ import annotations

from typing import Any

import pytest

from wsgikit.core.failure import record

WHERE = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/shop", "PATH_INFO": "/a\nb"}


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, "-"),
        ({"wsgikit.request_id": "own"}, "own"),
        ({"wsgikit.request_id": "own", "wsgikit.notes": {"request.id": "noted"}}, "noted"),
    ],
)
def test_a_failure_names_its_request_with_every_byte_escaped(
    caplog: pytest.LogCaptureFixture, known: dict[str, Any], shown: str
) -> None:
    error = LookupError("gone")
    record(error, {**WHERE, **known})
    (entry,) = caplog.records
    assert entry.name == "wsgikit.errors"
    assert entry.getMessage() == f"'GET' '/shop/a\\nb' failed, request id '{shown}'"
    assert entry.exc_info is not None
    assert entry.exc_info[1] is error


def test_an_environ_that_lacks_its_keys_is_no_second_failure(caplog: pytest.LogCaptureFixture) -> None:
    record(LookupError(), {"PATH_INFO": None})
    assert "'' '' failed" in caplog.text
