"""The named formats, field by field."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.access.conftest import made
from wsgikit.access.exchange import Exchange
from wsgikit.access.formats import NAMED, compiled
from wsgikit.access.parts import clf_time, iso_time
from wsgikit.http.redact import DEFAULT, Redaction

Make = Callable[..., Exchange]
KEYS = [
    *("time", "client.address", "network.peer.address", "http.request.method", "url.path", "url.query"),
    *("http.response.status_code", "http.response.body.size", "user_agent.original"),
    *("http.request.header.referer", "request.id", "duration", "ttfb"),
]
BROWSER = {"HTTP_REFERER": "https://a.example/?token=t", "HTTP_USER_AGENT": 'Mozilla/5.0 "x"'}


@pytest.fixture(params=["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    clf_time.cache_clear()
    yield request.param
    monkeypatch.undo()
    time.tzset()
    clf_time.cache_clear()


def line(name: str, exchange: Exchange, redact: Any = DEFAULT) -> str:
    return compiled(name, Redaction(redact))(exchange)


def test_common(exchange: Make) -> None:
    found = line("common", exchange({"REMOTE_USER": "jo"}))
    assert re.fullmatch(
        r'203\.0\.113\.9 - jo \[\d\d/Nov/2026:[\d:]{8} [+-]\d{4}\] "GET /shop\?a=1 HTTP/1\.1" 200 5', found
    )


def test_combined(exchange: Make) -> None:
    found = line("combined", exchange(BROWSER))
    assert found.endswith(
        '"GET /shop?a=1 HTTP/1.1" 200 5 "https://a.example/?token=[redacted]" "Mozilla/5.0 \\"x\\""'
    )


def test_what_is_missing_is_a_dash(exchange: Make) -> None:
    found = line("combined", exchange({"REMOTE_ADDR": ""}, sent=0))
    assert found.startswith("- - - [")
    assert found.endswith('200 - "-" "-"')


def test_a_user_cannot_break_out_of_its_field(exchange: Make) -> None:
    assert ' - a\\x20b\\"\\x0a [' in line("common", exchange({"REMOTE_USER": 'a b"\n'}))


@pytest.mark.parametrize(("noted", "shown"), [("ann", "ann"), (7, "7"), ("", "jo"), (None, "jo")])
def test_a_user_that_is_noted_is_seen_through_copies_of_environ(
    exchange: Make, noted: Any, shown: str
) -> None:
    one = exchange({"REMOTE_USER": "jo", "wsgikit.notes": {"user": noted}})
    for name in ("common", "combined"):
        assert line(name, one).startswith(f"203.0.113.9 - {shown} [")
    assert line("%u", one) == line("%(user)", one) == shown


def test_the_request_line_is_the_servers_own_where_it_kept_it(exchange: Make) -> None:
    raw = {"PATH_INFO": "/a/b", "QUERY_STRING": ""}
    assert '"GET /a%2Fb?x HTTP/1.1"' in line("common", exchange({**raw, "RAW_URI": "/a%2Fb?x"}))
    assert '"GET /a%2fb HTTP/1.1"' in line("common", exchange({**raw, "REQUEST_URI": "/a%2fb"}))
    assert '"GET /a/b HTTP/1.1"' in line("common", exchange({**raw, "REQUEST_URI": "http://evil/"}))


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/caf\xc3\xa9", "/caf%C3%A9"), ("/a b", "/a%20b"), ("/a\n", "/a%0A"), ("/€", "/%E2%82%AC"), ("", "/")],
)
def test_a_path_is_encoded_as_in_a_url(exchange: Make, path: str, shown: str) -> None:
    found = line("common", exchange({"PATH_INFO": path, "QUERY_STRING": ""}))
    assert f'"GET {shown} HTTP/1.1"' in found


def test_json_has_its_keys_in_order(exchange: Make) -> None:
    entry = json.loads(line("json", exchange(BROWSER)))
    assert list(entry) == KEYS
    assert entry["time"] == "2026-11-05T12:15:36.042Z"
    assert entry["client.address"] == entry["network.peer.address"] == "203.0.113.9"
    assert entry["http.request.method"] == "GET"
    assert (entry["url.path"], entry["url.query"]) == ("/shop", "a=1")
    assert (entry["http.response.status_code"], entry["http.response.body.size"]) == (200, 5)
    assert entry["user_agent.original"] == 'Mozilla/5.0 "x"'
    assert entry["http.request.header.referer"] == "https://a.example/?token=[redacted]"
    assert entry["request.id"] is None
    assert (entry["duration"], entry["ttfb"]) == (0.25, 0.125)


def test_json_keeps_peer_and_client_apart(exchange: Make) -> None:
    entry = json.loads(line("json", exchange({"wsgikit.original": {"REMOTE_ADDR": "10.0.0.1"}})))
    assert (entry["client.address"], entry["network.peer.address"]) == ("203.0.113.9", "10.0.0.1")


def test_json_prints_each_note(exchange: Make) -> None:
    notes = {
        "request.id": "r1",
        "upstream": "http://b:1",
        "upstream_time": 0.5,
        "retries": 2,
        "cache": None,
        "hit": True,
        "time": "mine",
        "wide": 10**30,
        "nan": float("nan"),
        "list": [1, 2],
        "ev\x1bil": "\u2028",
    }
    entry = json.loads(line("json", exchange({"wsgikit.notes": notes})))
    assert entry["request.id"] == "r1"
    assert entry["upstream"] == "http://b:1"
    assert (entry["upstream_time"], entry["retries"], entry["cache"], entry["hit"]) == (0.5, 2, None, True)
    assert (entry["note.time"], entry["wide"], entry["nan"], entry["list"]) == (
        "mine",
        str(10**30),
        None,
        "[1, 2]",
    )
    assert entry["ev\x1bil"] == "\u2028"
    assert entry["time"].startswith("2026")


class Strange:
    """What an app may leave in the notes."""

    def __init__(self, notes: dict[Any, Any]) -> None:
        self.notes = notes

    def __str__(self) -> str:
        self.notes["while it is written"] = 1  # as another thread may
        raise RuntimeError("no text")


@pytest.mark.parametrize("name", ["json", "logfmt"])
def test_no_note_loses_the_line(exchange: Make, name: str) -> None:
    notes: dict[Any, Any] = {"wide": 10**5000}
    notes |= {"strange": Strange(notes), Strange(notes): 1, "last": "x"}
    found = line(name, exchange({"wsgikit.notes": notes}))
    for shown in ("<int>", "<Strange>", "last"):
        assert shown in found


def test_a_note_without_text_loses_no_line_of_a_template(exchange: Make) -> None:
    one = exchange({"wsgikit.notes": {"wide": 10**5000}})
    assert line("%{wide}n", one) == line("%(wide)", one) == "<int>"


def test_logfmt_quotes_where_it_has_to(exchange: Make) -> None:
    found = line("logfmt", exchange({**BROWSER, "wsgikit.notes": {"cache": "hit", "two words": "a b"}}))
    assert found.startswith("time=2026-11-05T12:15:36.042Z client.address=203.0.113.9 ")
    assert ' url.path=/shop url.query="a=1" ' in found
    assert ' user_agent.original="Mozilla/5.0 \\"x\\"" ' in found
    assert found.endswith(' duration=0.250000 ttfb=0.125000 cache=hit two\\x20words="a b"')
    assert "request.id" not in found


def test_uwsgis_own_line(exchange: Make) -> None:
    found = line("uwsgi", exchange({"REMOTE_USER": "jo", "QUERY_STRING": "token=x"}))
    assert re.fullmatch(
        r"\[pid: \d+\|app: 0\|req: 1/1\] 203\.0\.113\.9 \(jo\) \{7 vars in \d+ bytes\} \[Thu Nov  5 [\d:]{8} 2026\]"
        r" GET /shop\?token=\[redacted\] => generated 5 bytes in 250 msecs \(HTTP/1\.1 200\)"
        r" 1 headers in 41 bytes \(1 switches on core 0\)",
        found,
    )


# What reads uWSGI's logs wants numbers in the brackets, and nothing between the parentheses where there is no user.
READERS = r"\[pid: (\d+)\|app: \d+\|req: (\d+)/\d+\] [\d.]+ \(\w*\) \{\d+ vars in \d+ bytes\} \[[^]]+\] GET "


def test_uwsgis_own_line_is_one_for_what_reads_uwsgis_logs(exchange: Make) -> None:
    write = compiled("uwsgi", Redaction(DEFAULT))
    found = [re.match(READERS, write(exchange({"QUERY_STRING": ""}))) for _ in range(3)]
    assert [match and match[2] for match in found] == ["1", "2", "3"]
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, write(exchange()).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    with open(reading, encoding="ascii") as lines:
        told = re.match(READERS, lines.read())
    assert told
    assert told.groups() == (str(pid), "1")  # a worker counts its own


def test_local_time_has_the_offset_of_that_moment(zone: str) -> None:
    offsets = {
        "UTC": ("+0000", "+0000"),
        "Europe/Berlin": ("+0200", "+0100"),
        "Asia/Kolkata": ("+0530", "+0530"),
        "America/St_Johns": ("-0230", "-0330"),
    }
    july, november = 1783253736, 1793880936
    assert (clf_time(july)[-5:], clf_time(november)[-5:]) == offsets[zone]
    assert "/Jul/2026:" in clf_time(july)


def test_utc_has_milliseconds() -> None:
    assert iso_time(0.9996) == "1970-01-01T00:00:00.999Z"


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("combind", ValueError, "AccessLog: format='combind' .* did you mean 'combined'"),
        ("JSON", ValueError, "one of 'common', 'combined', 'json', 'logfmt', 'uwsgi'"),
        ("", ValueError, "format=''"),
        ("plain text", ValueError, "or a template such as '%a %s'"),
        (None, TypeError, "format=None"),
    ],
)
def test_an_unknown_format_is_named(text: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        compiled(text, Redaction(DEFAULT))


FIELDS = (
    *(
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "PATH_INFO",
        "QUERY_STRING",
        "RAW_URI",
        "REQUEST_URI",
        "SERVER_PROTOCOL",
    ),
    *(
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_ADDR",
        "REMOTE_ADDR",
        "REMOTE_USER",
        "REMOTE_PORT",
        "SCRIPT_FILENAME",
    ),
    *("CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_HOST", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_REFERER"),
    *("HTTP_USER_AGENT", "HTTP_X_ANY"),
)
APACHE = (
    '%h %l %u %t "%r" %>s %b %a %{c}a %A %B %{X}C %D %{REMOTE_USER}e %{SERVER_NAME}e %f %{c}h %H "%{Referer}i" '
    '"%{User-Agent}i" %{X-Any}i %{Cookie}i %{Content-Length}i %k %L %m %{tag}n %{X-Out}o %{Location}o %p %{remote}p %P '
    "%q %R %{%Y}t %{msec}t %T %U %v %V %X %I %O %S %^FB"
)
UWSGI = (
    "%(uri) %(method) %(user) %(addr) %(peer) %(host) %(proto) %(uagent) %(referer) %(status) %(rsize) %(hsize) %(size)"
    " %(cl) %(pktsize) %(headers) %(vars) %(micros) %(secs) %(ctime) %(ltime) %(rss) %(var.HTTP_COOKIE)"
    " %(var.PATH_INFO) %(tag) %(request_id)"
)
LINES = {
    (name, hides): compiled(format_, Redaction(DEFAULT if hides else ()))
    for name, format_ in [*((name, name) for name in NAMED), ("apache", APACHE), ("template", UWSGI)]
    for hides in (True, False)
}
HOSTILE = st.one_of(
    st.text(max_size=20),
    st.text(st.sampled_from('"\\\r\n\t\x00\x1b\x7f\x85\x9f\u2028\u2029\ud800=&;,{}% ?a\xe9'), max_size=20),
)
LOGFMT = re.compile(r'[^\s="]+=(?:"(?:[^"\\]|\\.)*"|[^\s="]*)(?: |$)')


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(FIELDS), HOSTILE),
    st.dictionaries(
        HOSTILE, st.one_of(HOSTILE, st.floats(), st.integers(), st.none(), st.binary(max_size=4))
    ),
    HOSTILE,
)
def test_no_text_breaks_any_line(environ: dict[str, str], notes: dict[str, Any], said: str) -> None:
    """One line of printable ASCII, whatever strangers and apps write; quotes balanced; JSON parses."""
    given_ = {
        **environ,
        "wsgikit.notes": {"tag": "\x1b", "request.id": said, "route": said, **notes},
        "wsgikit.original": {"REMOTE_ADDR": said},
    }
    for (name, _), format_ in LINES.items():
        found = format_(made(given_, status=said, headers=[("X-Out", said), ("Location", said)]))
        assert found.isascii(), name
        assert found.isprintable(), name
        if name == "json":
            assert list(json.loads(found))[: len(KEYS)] == KEYS
        elif name in ("common", "combined"):
            assert len(re.findall(r'(?<!\\)(?:\\\\)*"', found)) in (2, 6)
        elif name == "logfmt":
            assert LOGFMT.sub("", found) == ""
            for quoted in re.findall(r'="(?:[^"\\]|\\.)*"', found):
                json.loads(quoted[1:])  # as readers of logfmt do
