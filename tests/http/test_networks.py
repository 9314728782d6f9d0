"""Networks by CIDR, by name, and from files."""

from __future__ import annotations

import ipaddress
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.http import networks as module
from wsgikit.http.networks import Networks


@pytest.mark.parametrize(
    ("texts", "address", "inside"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "10.0.0.1:4711", True),
        ("10.0.0.0/8", "::ffff:10.0.0.1", True),
        ("10.0.0.0/8", "[::ffff:10.0.0.1]:80", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("::ffff:10.0.0.0/104", "10.9.9.9", True),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("2001:db8::/32", "2001:DB8::1", True),
        ("2001:db8::/32", "[2001:db8::1]:443", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("::1", "::1", True),
        ("0.0.0.0/0", "8.8.8.8", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("::/0", "8.8.8.8", False),
        ("loopback", "127.0.0.1", True),
        ("loopback", "127.9.9.9", True),
        ("loopback", "::1", True),
        ("loopback", "::ffff:127.0.0.1", True),
        ("loopback", "10.0.0.1", False),
        ("private", "10.0.0.1", True),
        ("private", "172.16.0.1", True),
        ("private", "172.32.0.1", False),
        ("private", "192.168.3.4", True),
        ("private", "169.254.0.9", True),
        ("private", "fd00::1", True),
        ("private", "fe80::1%eth0", True),
        ("private", "127.0.0.1", False),
        ("private", "8.8.8.8", False),
        (["loopback", "10.0.0.0/8"], "10.0.0.1", True),
        (["10.0.0.0/8", "10.0.0.0/16"], "10.200.0.1", True),
        ((), "127.0.0.1", False),
        ("unix", "", True),
        ("unix", None, True),
        ("unix", "unix:", True),
        ("unix", "unix", True),
        ("unix", "localhost", True),
        ("unix", "<local>", True),
        ("unix", "127.0.0.1", False),
        ("unix", "0.0.0.0", False),
        (["loopback", "private", "0.0.0.0/0"], "", False),
        (["loopback"], "localhost", False),
        (["0.0.0.0/0", "::/0"], "garbage", False),
        (["0.0.0.0/0", "::/0"], "unknown", False),
    ],
)
def test_an_address_lies_inside_or_not(texts: object, address: str | None, inside: bool) -> None:
    assert Networks(texts).contains(address) is inside  # type: ignore[arg-type]


@given(
    st.lists(st.ip_addresses().flatmap(lambda a: st.tuples(st.just(a), st.integers(0, a.max_prefixlen)))),
    st.ip_addresses(),
)
def test_it_agrees_with_ipaddress(drawn: list[tuple[object, int]], address: object) -> None:
    listed = [ipaddress.ip_network(f"{base}/{length}", strict=False) for base, length in drawn]
    mapped = getattr(address, "ipv4_mapped", None) or address
    if any(getattr(network.network_address, "ipv4_mapped", None) for network in listed):
        return  # a mapped network is its IPv4 network here, and not to ipaddress
    assert Networks(map(str, listed)).contains(str(address)) is any(mapped in network for network in listed)


@pytest.mark.parametrize(
    ("texts", "error", "said"),
    [
        ("loopbck", ValueError, "X: allow='loopbck' .* did you mean 'loopback'"),
        ("10.0.0.1/8", ValueError, r"bits set beyond its prefix, did you mean '10\.0\.0\.0/8'"),
        ("", ValueError, "allow=''"),
        ("10.0.0.0/33", ValueError, "10.0.0.0/33"),
        (["10.0.0.0/8", 7], TypeError, r"allow=7 \(int\)"),
        (7, TypeError, "or several of these"),
        (b"loopback", TypeError, "bytes"),
        ("@/nowhere/at/all", ValueError, "No such file"),
    ],
)
def test_a_wrong_text_is_named(texts: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Networks(texts, layer="X", option="allow")  # type: ignore[arg-type]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    networks = Networks("10.0.0.0/8")
    for number in range(100):
        assert networks.contains(f"10.0.0.{number}")
        assert len(networks._table.known) <= 10


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "proxies"
    path.write_text("# our proxies\n10.0.0.0/8\n\nloopback  # and this machine\n")
    return path


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def rewrite(path: Path, text: str) -> None:
    """As a careful admin does: a new file, moved over the old one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, path)


def test_a_file_lists_networks_and_names(listed: Path) -> None:
    networks = Networks([f"@{listed}", "192.0.2.1"])
    assert networks.changing
    assert [networks.contains(a) for a in ("10.0.0.1", "127.0.0.1", "192.0.2.1", "8.8.8.8")] == [1, 1, 1, 0]


def test_a_file_from_windows_has_a_mark_at_its_begin(listed: Path) -> None:
    listed.write_bytes(b"\xef\xbb\xbf192.0.2.1\r\n10.0.0.0/8\r\n")
    networks = Networks(f"@{listed}")
    assert [networks.contains(a) for a in ("192.0.2.1", "10.0.0.1", "8.8.8.8")] == [1, 1, 0]


def test_a_wrong_line_is_named_with_its_number(listed: Path) -> None:
    listed.write_text("10.0.0.0/8\nloopbak\n")
    with pytest.raises(ValueError, match=r"line 2='loopbak' .* did you mean 'loopback'"):
        Networks(f"@{listed}")


def test_a_changed_file_is_read_again_after_a_second(listed: Path, clock: list[float]) -> None:
    networks = Networks(f"@{listed}")
    before = networks.generation()
    assert not networks.contains("192.0.2.1")
    rewrite(listed, "192.0.2.0/24\n")
    clock[0] += 0.5
    assert not networks.contains("192.0.2.1")
    clock[0] += 1
    assert networks.contains("192.0.2.1")
    assert not networks.contains("10.0.0.1")
    assert networks.generation() > before


def test_a_file_that_went_bad_leaves_the_last_good_list(
    listed: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    networks = Networks(f"@{listed}")
    rewrite(listed, "10.0.0.0/8\nnonsense\n")
    clock[0] += 2
    with caplog.at_level(logging.WARNING, "wsgikit.networks"):
        assert networks.contains("127.0.0.1")
        clock[0] += 2
        assert networks.contains("127.0.0.1")
    assert len(caplog.records) == 1
    assert "the last good list stays" in caplog.text
    listed.unlink()
    clock[0] += 2
    assert networks.contains("127.0.0.1")
