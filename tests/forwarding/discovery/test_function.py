from __future__ import annotations

from typing import Any

import pytest

from wsgikit.forwarding.discovery import LookupFailed
from wsgikit.forwarding.discovery.function import INTERVAL, Function
from wsgikit.forwarding.upstream import Upstream


@pytest.mark.parametrize(
    "given",
    [
        ["http://10.0.0.1", "http://10.0.0.2"],
        ("http://10.0.0.1", Upstream("http://10.0.0.2")),
        iter(["http://10.0.0.1", "http://10.0.0.2"]),
        {"http://10.0.0.1": 1, "http://10.0.0.2": 2}.keys(),
    ],
)
def test_urls_and_upstreams_may_come_in_any_iterable(given: Any) -> None:
    found, wait = Function(lambda: given).look_up()
    assert found == [Upstream("http://10.0.0.1"), Upstream("http://10.0.0.2")]
    assert wait == INTERVAL


def test_a_single_one_needs_no_list() -> None:
    assert Function(lambda: "http://10.0.0.1").look_up()[0] == [Upstream("http://10.0.0.1")]
    assert Function(lambda: Upstream("http://10.0.0.1")).look_up()[0] == [Upstream("http://10.0.0.1")]


def test_it_is_asked_anew_each_time() -> None:
    answers = [["http://10.0.0.1"], ["http://10.0.0.2"]]
    function = Function(lambda: answers.pop(0))
    assert function.look_up()[0] == [Upstream("http://10.0.0.1")]
    assert function.look_up()[0] == [Upstream("http://10.0.0.2")]


def test_weights_are_kept_and_each_url_is_there_once() -> None:
    heavy = Upstream("http://10.0.0.1", weight=3)
    found, _ = Function(lambda: [heavy, "http://10.0.0.2", "http://10.0.0.1"]).look_up()
    assert found == [heavy, Upstream("http://10.0.0.2")]


def boom() -> list[str]:
    raise OSError("no registry")


def half() -> Any:
    yield "http://10.0.0.1"
    raise OSError("broke off")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (boom, "OSError: no registry"),
        (half, "OSError: broke off"),
        (list, "no upstream"),
        (lambda: None, "TypeError"),
        (lambda: [5], "url=5"),
        (lambda: ["ftp://10.0.0.1"], "'ftp://10.0.0.1'"),
        (lambda argument: [], "TypeError"),
    ],
)
def test_what_goes_wrong_is_a_failed_lookup_with_its_reason(function: Any, said: str) -> None:
    with pytest.raises(LookupFailed, match=said):
        Function(function).look_up()
