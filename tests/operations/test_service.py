"""The service's name, and where its workers meet."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.operations import service
from wsgikit.operations.service import meeting_place, plain, service_name


def test_the_default_is_the_folder_the_process_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WSGIKIT_SERVICE", raising=False)
    (tmp_path / "my shop").mkdir()
    monkeypatch.chdir(tmp_path / "my shop")
    assert service_name("RateLimit", None) == "my-shop"
    monkeypatch.chdir("/")
    assert service_name("RateLimit", None) == "root"


def test_the_environment_names_it_and_the_option_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGIKIT_SERVICE", "shop")
    assert service_name("RateLimit", None) == "shop"
    assert service_name("RateLimit", "blog") == "blog"


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "é", "x" * 65, 7, b"shop"])
def test_a_name_that_can_be_no_files_is_refused(name: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="RateLimit: service="):
        service_name("RateLimit", name)


@given(st.text())
def test_whatever_a_folder_is_called_makes_a_plain_name(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{0,64}", plain(name))


def test_the_meeting_place_is_in_memory_and_this_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_folder", service._folder.__wrapped__)
    path = Path(meeting_place("shop", "counts"))
    assert path.name == f"wsgikit-{os.geteuid()}-shop-counts"
    assert path.parent.is_dir()
    if Path("/dev/shm").is_dir():
        assert str(path.parent) == "/dev/shm"


def test_without_shared_memory_it_is_the_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.os, "access", lambda path, mode: False)
    monkeypatch.setattr(service.tempfile, "gettempdir", lambda: str(tmp_path))
    assert service._folder.__wrapped__() == str(tmp_path)
