from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from wsgikit.forwarding.discovery import Source, source
from wsgikit.forwarding.discovery.addresses import Addresses
from wsgikit.forwarding.discovery.file import File
from wsgikit.forwarding.discovery.function import Function
from wsgikit.forwarding.discovery.srv import Service
from wsgikit.forwarding.upstream import Upstream

NAMED = (Upstream("http://app.internal:8080"), Upstream("unix:/run/app.sock"))


def make(option: Any, upstreams: tuple[Upstream, ...] = ()) -> Source | None:
    return source("ReverseProxy", option, upstreams)


def find() -> list[str]:
    return ["http://10.0.0.1"]


def test_each_form_of_the_option_has_its_source(tmp_path: Path) -> None:
    listed = tmp_path / "upstreams"
    listed.write_text("http://10.0.0.1\n")
    assert make(None, NAMED) is None
    assert make(find) == Function(find)
    assert make("dns", NAMED) == Addresses(*NAMED)
    assert make("srv:_http._tcp.app.internal") == Service("_http._tcp.app.internal")
    assert make(f"@{listed}") == File(str(listed))


def test_for_the_log_a_source_is_the_option_as_it_was_written(tmp_path: Path) -> None:
    listed = tmp_path / "upstreams"
    listed.write_text("http://10.0.0.1\n")
    for option in ("dns", "srv:_http._tcp.app", f"@{listed}"):
        assert str(make(option, NAMED if option == "dns" else ())) == f"resolve={option!r}"
    assert str(make(find)).startswith("resolve=<function find")


def test_only_dns_stands_for_the_upstreams_it_was_given(tmp_path: Path) -> None:
    listed = tmp_path / "upstreams"
    listed.write_text("http://10.0.0.1\n")
    dns: Any = make("dns", NAMED)
    others: list[Any] = [make(option) for option in (find, "srv:_http._tcp.app", f"@{listed}")]
    assert dns.replaces
    assert not any(one.replaces for one in others)


def test_nothing_is_looked_up_where_no_upstream_is_a_name() -> None:
    assert make("dns", (Upstream("http://10.0.0.1"), Upstream("http://[::1]"), NAMED[1])) is None


def test_a_method_or_a_callable_object_is_a_function_too() -> None:
    class Registry:
        def __call__(self) -> list[str]:
            return ["http://10.0.0.1"]

    registry = Registry()
    assert make(registry) == Function(registry)
    assert make(registry.__call__) == Function(registry.__call__)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("dsn", "did you mean 'dns'?"),
        ("DNS", "did you mean 'dns'?"),
        ("svr:_http._tcp.app", "did you mean 'srv:_http._tcp.app'?"),
        ("SRV:_http._tcp.app", "did you mean 'srv:_http._tcp.app'?"),
        ("/etc/upstreams", "did you mean '@/etc/upstreams'?"),
        ("file:/etc/upstreams", "did you mean '@/etc/upstreams'?"),
        ("http://app.internal", "a URL goes into upstreams"),
        ("consul", '"srv:NAME" such as'),
        ("", '"srv:NAME" such as'),
        ("srv:", "a name such as"),
        ("srv:app..internal", "a name such as"),
        ("srv:http://app", "a name such as"),
        ("srv:" + "a." * 127, "a name such as"),
        ("@", "the path of a file"),
        ("dns", "upstreams whose names are looked up"),
    ],
)
def test_what_is_no_source_is_told_what_would_do(option: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^ReverseProxy: resolve=.*" + re.escape(said)):
        make(option)


@pytest.mark.parametrize("option", [5, b"dns", ["http://a"], True, list])
def test_what_is_neither_text_nor_a_function_is_a_type_error(option: Any) -> None:
    with pytest.raises(TypeError, match=r"^ReverseProxy: resolve="):
        make(option)


def test_srv_records_take_no_upstreams_beside_them() -> None:
    with pytest.raises(ValueError, match="no upstreams beside it"):
        make("srv:_http._tcp.app.internal", NAMED)


def test_a_file_that_will_not_do_is_told_at_once(tmp_path: Path) -> None:
    listed = tmp_path / "upstreams"
    with pytest.raises(
        ValueError, match=r"^ReverseProxy: resolve='@.*upstreams' will not do: .*No such file"
    ):
        make(f"@{listed}")
    listed.write_text("http://10.0.0.1\nhttp://10.0.0.2 wieght=2\n")
    with pytest.raises(ValueError, match=r"upstreams: line 2: 'wieght=2'.*did you mean 'weight'\?"):
        make(f"@{listed}")


def test_srv_names_the_extra_that_brings_dnspython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    with pytest.raises(ImportError, match=r"dnspython is not installed; wsgikit\[dns\] brings it"):
        make("srv:_http._tcp.app.internal")
