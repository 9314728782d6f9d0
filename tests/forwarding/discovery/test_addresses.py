from __future__ import annotations

import copy
import pickle
import socket
from typing import Any

import pytest

from wsgikit.forwarding.discovery.addresses import INTERVAL, Addresses, Resolved
from wsgikit.forwarding.discovery.lookup import SOON
from wsgikit.forwarding.transports.wire import connect
from wsgikit.forwarding.upstream import Upstream
from wsgikit.testing import ScriptedUpstream

APP = Upstream("http://app.internal:8080/base", weight=3, backup=True, max_connections=5)


class Names(dict[str, list[str]]):
    """Stands in for the system's resolver, which a test cannot tell what to say."""

    def getaddrinfo(self, host: str, port: int | None, **options: Any) -> list[Any]:
        if host not in self:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        family = {False: socket.AF_INET, True: socket.AF_INET6}
        return [(family[":" in ip], socket.SOCK_STREAM, 6, "", (ip, port or 0)) for ip in self[host]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names


def urls(addresses: Addresses) -> list[str]:
    return [one.url for one in addresses.look_up()[0]]


def test_each_address_becomes_an_upstream_with_the_options_of_its_name(names: Names) -> None:
    names["app.internal"] = ["10.0.0.2", "2001:db8::1", "10.0.0.1"]
    found, wait = Addresses(APP).look_up()
    assert [one.url for one in found] == [
        "http://10.0.0.1:8080/base",
        "http://10.0.0.2:8080/base",
        "http://[2001:db8::1]:8080/base",
    ]
    assert {(one.weight, one.backup, one.max_connections) for one in found} == {(3, True, 5)}
    assert wait == INTERVAL


def test_all_but_the_connection_keeps_the_name(names: Names) -> None:
    names["app.internal"] = ["10.0.0.1"]
    found = Addresses(APP).look_up()[0][0]
    assert found.address == APP.address._replace(literal=(socket.AF_INET, ("10.0.0.1", 8080)))
    assert (found.address.host, found.address.authority) == ("app.internal", "app.internal:8080")


def test_ports_are_named_where_the_url_has_named_them(names: Names) -> None:
    names["app.internal"] = ["10.0.0.1", "2001:db8::1"]
    for url, port in (("http://app.internal", 80), ("https://app.internal/", 443)):
        scheme = url.partition(":")[0]
        found = Addresses(Upstream(url)).look_up()[0]
        assert [one.url for one in found] == [f"{scheme}://10.0.0.1", f"{scheme}://[2001:db8::1]"]
        assert found[0].address.literal == (socket.AF_INET, ("10.0.0.1", port))
        assert found[1].address.literal == (socket.AF_INET6, ("2001:db8::1", port, 0, 0))


def test_the_order_is_that_of_the_numbers_whatever_the_order_of_the_answers(names: Names) -> None:
    names["app.internal"] = ["10.0.0.10", "10.0.0.9", "10.0.0.9"]
    addresses = Addresses(APP)
    first = addresses.look_up()[0]
    names["app.internal"] = ["10.0.0.9", "10.0.0.10"]
    assert [one.url for one in first] == ["http://10.0.0.9:8080/base", "http://10.0.0.10:8080/base"]
    assert addresses.look_up()[0] == first


def test_changes_are_seen(names: Names) -> None:
    names["app.internal"] = ["10.0.0.1"]
    addresses = Addresses(APP)
    assert urls(addresses) == ["http://10.0.0.1:8080/base"]
    names["app.internal"] = ["10.0.0.2", "10.0.0.3"]
    assert urls(addresses) == ["http://10.0.0.2:8080/base", "http://10.0.0.3:8080/base"]


def test_addresses_and_unix_sockets_stay_as_they_are(names: Names) -> None:
    names["app.internal"] = ["10.0.0.1"]
    literal, v6, unix = (
        Upstream("http://10.0.0.7"),
        Upstream("http://[::1]:81"),
        Upstream("unix:/run/app.sock"),
    )
    found = Addresses(literal, APP, unix, v6).look_up()[0]
    assert found[0] is literal
    assert found[2] is unix
    assert found[3] is v6


def test_two_names_of_one_address_are_one_backend(names: Names) -> None:
    names.update({"a.internal": ["10.0.0.1"], "b.internal": ["10.0.0.1", "10.0.0.2"]})
    found = Addresses(Upstream("http://a.internal"), Upstream("http://b.internal")).look_up()[0]
    assert [(one.url, one.address.authority) for one in found] == [
        ("http://10.0.0.1", "a.internal"),
        ("http://10.0.0.2", "b.internal"),
    ]


def test_link_local_addresses_are_left_out_as_no_url_names_their_interface(names: Names) -> None:
    names["app.internal"] = ["fe80::1%eth0", "10.0.0.1"]
    assert urls(Addresses(APP)) == ["http://10.0.0.1:8080/base"]
    names["app.internal"] = ["fe80::1%eth0"]
    assert Addresses(APP).look_up() == ([APP], SOON)


def test_a_name_that_is_not_found_keeps_what_it_had_and_holds_up_no_other(
    names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    names.update({"a.internal": ["10.0.0.1"], "b.internal": ["10.0.0.2"]})
    addresses = Addresses(Upstream("http://a.internal"), Upstream("http://b.internal"))
    addresses.look_up()
    del names["a.internal"]
    names["b.internal"] = ["10.0.0.3"]
    for _ in range(2):
        found, wait = addresses.look_up()
        assert [one.url for one in found] == ["http://10.0.0.1", "http://10.0.0.3"]
        assert wait == SOON
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1, "each trouble is told once"
    assert said[0].startswith("resolve='dns': 'a.internal: [Errno -2] Name or service not known'")
    names["a.internal"] = ["10.0.0.4"]
    assert addresses.look_up()[1] == INTERVAL
    del names["a.internal"]
    addresses.look_up()
    assert len(caplog.records) == 2, "and again when it comes again"


def test_a_name_never_found_remains_a_name_which_connecting_looks_up(names: Names) -> None:
    found, wait = Addresses(APP).look_up()
    assert found == [APP]
    assert wait == SOON


def test_a_name_that_cannot_be_one_is_a_trouble_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    long = Upstream(f"http://{'a' * 64}.internal")
    assert Addresses(long).look_up()[0] == [long]
    assert len(caplog.records) == 1


def test_the_system_is_asked_for_real() -> None:
    found = Addresses(Upstream("http://localhost:81")).look_up()[0]
    assert "http://127.0.0.1:81" in [one.url for one in found]


def test_connections_go_to_the_address() -> None:
    with ScriptedUpstream() as upstream:
        port = int(upstream.url.rpartition(":")[2])
        there = Resolved(Upstream(f"http://never-asked.invalid:{port}"), "127.0.0.1")
        with connect(there.address, 5.0) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)


def test_a_resolved_upstream_is_a_value() -> None:
    one = Resolved(APP, "10.0.0.1")
    assert one == Resolved(APP, "10.0.0.1")
    assert one != Resolved(APP, "10.0.0.2")
    assert one != Resolved(Upstream("http://app.internal:8080/base"), "10.0.0.1")
    for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert again == one
        assert (again.url, again.address) == (one.url, one.address)
    assert repr(one) == f"Resolved(upstream={APP!r}, ip='10.0.0.1')"
