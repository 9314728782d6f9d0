from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from wsgikit.forwarding.discovery import LookupFailed
from wsgikit.forwarding.discovery.lookup import SOON
from wsgikit.forwarding.discovery.srv import LONGEST, SHORTEST, Service
from wsgikit.forwarding.upstream import Upstream

NAME = "_http._tcp.app.internal."
Reply = Callable[[dns.message.Message], dns.message.Message | None]


class NameServer:
    """Answers over UDP on the loopback, as ``reply`` says; None leaves a question without an answer."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port: int = self.sock.getsockname()[1]
        self.reply: Reply = lambda question: None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def serves(self, *records: str, ttl: int = 60, name: str = NAME) -> None:
        """Let the SRV records of ``name`` be these."""
        self.answers(dns.rrset.from_text(name, ttl, "IN", "SRV", *records))

    def answers(self, *sets: dns.rrset.RRset, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> None:
        def reply(question: dns.message.Message) -> dns.message.Message:
            answer = dns.message.make_response(question)
            answer.set_rcode(rcode)
            answer.answer += sets
            return answer

        self.reply = reply

    def _serve(self) -> None:
        while True:
            data, peer = self.sock.recvfrom(4096)
            if not data:
                return
            answer = self.reply(dns.message.from_wire(data))
            if answer is not None:
                self.sock.sendto(answer.to_wire(), peer)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join(10)
        self.sock.close()


@pytest.fixture
def server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def resolver(server: NameServer) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = server.port
    return resolver


def service(resolver: dns.resolver.Resolver, name: str = NAME) -> Service:
    return Service(name, resolver=resolver)


def test_targets_are_upstreams_with_their_port_and_weight(
    server: NameServer, resolver: dns.resolver.Resolver
) -> None:
    server.serves("10 60 8081 b.internal.", "10 20 8080 a.internal.", ttl=42)
    assert service(resolver).look_up() == (
        [
            Upstream("http://a.internal:8080", weight=20, backup=False),
            Upstream("http://b.internal:8081", weight=60, backup=False),
        ],
        42.0,
    )


def test_all_but_the_lowest_priority_number_are_backups(
    server: NameServer, resolver: dns.resolver.Resolver
) -> None:
    server.serves("20 1 80 b.internal.", "5 1 80 a.internal.", "30 1 80 c.internal.")
    found, _ = service(resolver).look_up()
    assert [(one.address.host, one.backup) for one in found] == [
        ("a.internal", False),
        ("b.internal", True),
        ("c.internal", True),
    ]


def test_a_weight_of_zero_is_the_smallest_share_and_alone_an_equal_one(
    server: NameServer, resolver: dns.resolver.Resolver
) -> None:
    server.serves(
        "1 0 80 zero.internal.", "1 10 80 ten.internal.", "1 50 80 fifty.internal.",
        "2 0 80 one.internal.", "2 0 80 two.internal.",
    )  # fmt: skip
    found, _ = service(resolver).look_up()
    assert {one.address.host: one.weight for one in found} == {
        "zero.internal": 0.1,
        "ten.internal": 10,
        "fifty.internal": 50,
        "one.internal": 1,
        "two.internal": 1,
    }


def test_a_change_of_targets_and_of_ttl_is_seen(server: NameServer, resolver: dns.resolver.Resolver) -> None:
    looked = service(resolver)
    server.serves("1 1 80 a.internal.", ttl=30)
    assert looked.look_up() == ([Upstream("http://a.internal:80", weight=1, backup=False)], 30.0)
    server.serves("1 1 80 a.internal.", "1 1 80 b.internal.", ttl=7)
    found, wait = looked.look_up()
    assert [one.address.host for one in found] == ["a.internal", "b.internal"]
    assert wait == 7.0


@pytest.mark.parametrize(("ttl", "wait"), [(0, SHORTEST), (1, 1.0), (300, 300.0), (86400, LONGEST)])
def test_the_ttl_is_honoured_within_bounds(
    server: NameServer, resolver: dns.resolver.Resolver, ttl: int, wait: float
) -> None:
    server.serves("1 1 80 a.internal.", ttl=ttl)
    assert service(resolver).look_up()[1] == wait


def test_the_ttl_of_an_alias_counts_too(server: NameServer, resolver: dns.resolver.Resolver) -> None:
    alias = dns.rrset.from_text(NAME, 5, "IN", "CNAME", "_http._tcp.real.internal.")
    real = dns.rrset.from_text("_http._tcp.real.internal.", 60, "IN", "SRV", "1 1 80 a.internal.")
    server.answers(alias, real)
    found, wait = service(resolver).look_up()
    assert [one.url for one in found] == ["http://a.internal:80"]
    assert wait == 5.0


def test_a_dot_as_target_means_that_there_is_none(
    server: NameServer, resolver: dns.resolver.Resolver
) -> None:
    server.serves("0 0 0 .", ttl=9)
    assert service(resolver).look_up() == ([], 9.0)


def test_a_target_twice_is_one_of_its_better_priority(
    server: NameServer, resolver: dns.resolver.Resolver
) -> None:
    server.serves("2 1 80 a.internal.", "1 1 80 A.internal.")
    found, _ = service(resolver).look_up()
    assert [(one.address.host, one.backup) for one in found] == [("a.internal", False)]


@pytest.mark.parametrize(
    ("label", "scheme"),
    [("_http", "http"), ("_https", "https"), ("_HTTPS", "https"), ("_fcgi", "fcgi"), ("_shop", "http")],
)
def test_the_first_label_says_what_the_targets_speak(
    server: NameServer, resolver: dns.resolver.Resolver, label: str, scheme: str
) -> None:
    name = f"{label}._tcp.app.internal."
    server.serves("1 1 8443 a.internal.", name=name)
    found, _ = service(resolver, name).look_up()
    assert (found[0].url, found[0].address.scheme) == (f"{scheme}://a.internal:8443", scheme)


def test_a_name_that_is_not_there_is_a_failed_lookup(
    server: NameServer, resolver: dns.resolver.Resolver
) -> None:
    server.answers(rcode=dns.rcode.NXDOMAIN)
    with pytest.raises(LookupFailed, match=r"does not exist: _http\._tcp\.app\.internal") as failed:
        service(resolver).look_up()
    assert failed.value.again == SOON


def test_a_name_without_srv_records_is_a_failed_lookup(
    server: NameServer, resolver: dns.resolver.Resolver
) -> None:
    server.answers()
    with pytest.raises(LookupFailed, match="does not contain an answer"):
        service(resolver).look_up()


def test_a_broken_server_is_a_failed_lookup(server: NameServer, resolver: dns.resolver.Resolver) -> None:
    server.answers(rcode=dns.rcode.SERVFAIL)
    with pytest.raises(LookupFailed, match="SERVFAIL"):
        service(resolver).look_up()


def test_a_silent_server_is_a_failed_lookup(resolver: dns.resolver.Resolver) -> None:
    resolver.lifetime = 0.05
    with pytest.raises(LookupFailed, match="lifetime expired"):
        service(resolver).look_up()


@pytest.mark.parametrize(
    "record", ["1 1 0 a.internal.", r"1 1 80 a\@b.internal.", r"1 1 80 a\032b.internal."]
)
def test_a_target_that_no_url_can_name_is_a_failed_lookup(
    server: NameServer, resolver: dns.resolver.Resolver, record: str
) -> None:
    server.serves(record)
    with pytest.raises(LookupFailed, match=r"Upstream: url="):
        service(resolver).look_up()


def test_without_a_resolver_the_systems_settings_are_read_at_each_lookup(
    server: NameServer, resolver: dns.resolver.Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(dns.resolver, "Resolver", lambda: made.append(1) or resolver)
    server.serves("1 1 80 a.internal.")
    plain = Service(NAME)
    for _ in range(2):
        assert [one.url for one in plain.look_up()[0]] == ["http://a.internal:80"]
    assert len(made) == 2
    assert repr(plain) == f"Service(name={NAME!r})"


def test_a_short_name_is_completed_by_the_search_list(
    server: NameServer, resolver: dns.resolver.Resolver
) -> None:
    asked: list[str] = []
    full = dns.rrset.from_text("_http._tcp.app.shop.internal.", 60, "IN", "SRV", "1 1 80 a.internal.")

    def reply(question: dns.message.Message) -> dns.message.Message:
        name = question.question[0].name.to_text()
        asked.append(name)
        answer = dns.message.make_response(question)
        if name == "_http._tcp.app.shop.internal.":
            answer.answer.append(full)
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    server.reply = reply
    resolver.search = [dns.name.from_text("shop.internal.")]
    assert [one.url for one in service(resolver, "_http._tcp.app").look_up()[0]] == ["http://a.internal:80"]
    assert asked[-1] == "_http._tcp.app.shop.internal."
