"""Templates of Apache and uWSGI, directive by directive."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from wsgikit.access.exchange import Exchange
from wsgikit.access.formats import compiled
from wsgikit.http.redact import DEFAULT, Redaction

Make = Callable[..., Exchange]
ENVIRON = {
    "REMOTE_USER": "jo",
    "SCRIPT_FILENAME": "/srv/shop.py",
    "SERVER_NAME": "shop",
    "SERVER_PORT": "8000",
    "SERVER_ADDR": "192.0.2.1",
    "REMOTE_PORT": "51234",
    "CONTENT_LENGTH": "7",
    "HTTP_HOST": "shop.example:8000",
    "HTTP_USER_AGENT": "curl/8",
    "HTTP_REFERER": "https://a.example/?token=t&b=1",
    "HTTP_X_ORIGINAL_URL": "/a?token=t&b=1",
    "REDIRECT_QUERY_STRING": "token=t&b=1",
    "HTTP_AUTHORIZATION": "Basic eA==",
    "HTTP_COOKIE": "theme=dark; sessionid=s3cret",
    "wsgikit.original": {"REMOTE_ADDR": "10.0.0.1"},
    "wsgikit.notes": {"cache": "hit", "request.id": "r1", "route": "/<page>"},
}
HEADERS = [
    ("Content-Type", "text/html"),
    ("Set-Cookie", "a=1"),
    ("Vary", "A"),
    ("vary", "B"),
    ("Location", "/?token=t"),
    ("Link", "</next?token=t&a=1>; rel=next"),
]


def line(template: str, exchange: Exchange, redact: Any = DEFAULT) -> str:
    return compiled(template, Redaction(redact))(exchange)


def with_ids(shown: str) -> str:
    """The ids of this process and thread, which a test's own name must not hold: workers collect the same names."""
    return (
        shown.replace("<pid>", str(os.getpid()))
        .replace("<tid>", str(threading.get_ident()))
        .replace("<hextid>", f"{threading.get_ident():x}")
    )


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("%%", "%"),
        ("%a", "203.0.113.9"),
        ("%h", "203.0.113.9"),
        ("%{c}a", "10.0.0.1"),
        ("%A", "192.0.2.1"),
        ("%b", "5"),
        ("%B", "5"),
        ("%D", "250000"),
        ("%{SERVER_NAME}e", "shop"),
        ("%{HTTP_AUTHORIZATION}e", "[redacted]"),
        ("%f", "/srv/shop.py"),
        ("%R", "/<page>"),
        ("%k %{X-A}^ti %{X-B}^to", "- - -"),
        ("%{c}h", "10.0.0.1"),
        ("%H", "HTTP/1.1"),
        ("%{Host}i", "shop.example:8000"),
        ("%{user-agent}i", "curl/8"),
        ("%{Referer}i", "https://a.example/?token=[redacted]&b=1"),
        ("%{Authorization}i", "[redacted]"),
        ("%{Cookie}i", "[redacted]"),
        ("%{Content-Length}i", "7"),
        ("%{X-None}i", "-"),
        ("%{theme}C", "[redacted]"),
        ("%{none}C", "-"),
        ("%l", "-"),
        ("%L", "r1"),
        ("%m", "GET"),
        ("%{cache}n", "hit"),
        ("%{none}n", "-"),
        ("%{content-type}o", "text/html"),
        ("%{Vary}o", "A, B"),
        ("%{Set-Cookie}o", "[redacted]"),
        ("%{Location}o", "/?token=[redacted]"),
        ("%{Link}o", "</next?token=[redacted]&a=1>; rel=next"),
        ("%{X-Original-URL}i", "/a?token=[redacted]&b=1"),
        ("%{REDIRECT_QUERY_STRING}e", "token=[redacted]&b=1"),
        ("%{X-None}o", "-"),
        ("%p", "8000"),
        ("%{remote}p", "51234"),
        ("%{local}p %{canonical}p", "8000 8000"),
        ("%P", "<pid>"),
        ("%{tid}P", "<tid>"),
        ("%{hextid}P", "<hextid>"),
        ("%{pid}P", "<pid>"),
        ("%q", "?a=1"),
        ("%r", "GET /shop?a=1 HTTP/1.1"),
        ("%s", "200"),
        ("%>s", "200"),
        ("%<s", "200"),
        ("%{%Y}t", "2026"),
        ("%{sec}t", "1793880936"),
        ("%{msec}t", "1793880936042"),
        ("%{usec_frac}t", "042000"),
        ("%{msec_frac}t", "042"),
        ("%{begin:sec}t", "1793880936"),
        ("%{end:msec_frac}t", "292"),
        ("%T", "0"),
        ("%{ms}T", "250"),
        ("%{us}T", "250000"),
        ("%{s}T", "0"),
        ("%u", "jo"),
        ("%U", "/shop"),
        ("%v", "shop"),
        ("%V", "shop.example:8000"),
        ("%X", "-"),
        ("%I", "216"),
        ("%^FB", "125000"),
        ("%200,304m", "GET"),
        ("%404m", "-"),
        ("%!404m", "GET"),
        ("%!200,304{Host}i", "-"),
        ("100%% of %U", "100% of /shop"),
        ("é%m", "éGET"),
    ],
)
def test_an_apache_directive(exchange: Make, template: str, shown: str) -> None:
    assert line(template, exchange(ENVIRON, headers=HEADERS)) == with_ids(shown)


def test_apaches_combined_is_ours(exchange: Make) -> None:
    one = exchange(ENVIRON)
    template = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
    assert line(template, one) == line("combined", one)


def test_a_cookie_shows_where_nothing_is_redacted(exchange: Make) -> None:
    assert line("%{theme}C %{sessionid}C", exchange(ENVIRON), redact=()) == "dark s3cret"


def test_a_cookie_is_found_whatever_stands_around_it(exchange: Make) -> None:
    cookies = f'a="{chr(92) * 64_000}"; junk; \x00=\x01; theme="dark"'
    assert line("%{theme}C", exchange({"HTTP_COOKIE": cookies}), redact=()) == "dark"


def test_bytes_out_are_head_and_body(exchange: Make) -> None:
    one = exchange(headers=[("A", "b")])
    assert line("%O", one) == str(len("HTTP/1.1 200\r\n\r\n") - 1 + len("A: b\r\n") + 5)


def test_bytes_in_are_head_and_announced_body(exchange: Make) -> None:
    sent = {"PATH_INFO": "/", "QUERY_STRING": "", "HTTP_HOST": "a", "CONTENT_LENGTH": "7", "HTTP_X_ANY": "b"}
    one = exchange(sent, headers=[("A", "b")])
    head = "GET / HTTP/1.1\r\nHost: a\r\nX-Any: b\r\n\r\n"
    assert line("%I", one) == str(len(head) + 7)
    assert line("%S", one) == str(len(head) + 7 + int(line("%O", one)))
    for junk in ("", "x", "-1", "9" * 5000, "\u0663"):
        assert line("%I", exchange({**sent, "CONTENT_LENGTH": junk})) == str(len(head))


def test_path_and_query_make_a_url_with_and_without_a_query(exchange: Make) -> None:
    assert line("%U%q", exchange()) == "/shop?a=1"
    assert line("%U%q", exchange({"QUERY_STRING": ""})) == "/shop"


def test_each_directive_that_apache_documents_is_known(exchange: Make) -> None:
    documented = (
        "%% %a %{c}a %A %B %b %{n}C %D %{n}e %f %h %{c}h %H %{n}i %k %l %L %m %{n}n %{n}o %p %{canonical}p %{local}p"
        " %{remote}p %P %{pid}P %{tid}P %{hextid}P %q %r %R %s %>s %<s %t %{%Y}t %{sec}t %{msec}t %{usec}t"
        " %{msec_frac}t %{usec_frac}t %{begin:sec}t %{end:sec}t %T %{ms}T %{us}T %{s}T %u %U %v %V %X"
        " %{n}^ti %{n}^to %I %O %S %^FB"
    )
    shown = line(documented, exchange(ENVIRON)).split(" ")
    assert len(shown) == len(documented.split(" ")) + 3  # %t holds a space, %r two


def test_each_name_that_uwsgi_documents_is_known(exchange: Make) -> None:
    documented = re.findall(
        r"\w+",
        "uri method user addr host proto uagent referer status rsize hsize size cl pktsize headers vars micros msecs"
        " secs time tmsecs tmicros epoch pid wid core switches vsz rss vszM rssM modifier1 modifier2 werr rerr ioerr",
    )
    template = " ".join(f"%({name})" for name in documented)
    shown = line(template, exchange({**ENVIRON, "HTTP_REFERER": "r"})).split(" ")
    assert [name for name, value in zip(documented, shown, strict=True) if value == "-"] == []
    assert re.fullmatch(r"\w{3} Nov  5 [\d:]{8} 2026", line("%(ctime)", exchange()))
    for name in ("ltime", "ftime"):
        assert re.fullmatch(r"05/Nov/2026:[\d:]{8} [+-]\d{4}", line(f"%({name})", exchange()))


def test_an_app_that_raised_is_marked(exchange: Make) -> None:
    assert line("%X", exchange(error=RuntimeError())) == "X"


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("%(method) %(uri) %(proto)", "GET /shop?a=1 HTTP/1.1"),
        ("%(addr) %(peer) %(user)", "203.0.113.9 10.0.0.1 jo"),
        ("%(host) %(uagent)", "shop.example:8000 curl/8"),
        ("%(referer)", "https://a.example/?token=[redacted]&b=1"),
        ("%(status) %(rsize) %(cl)", "200 5 7"),
        ("%(hsize) %(size) %(headers)", "41 46 1"),
        ("%(micros) %(msecs) %(secs)", "250000 250 0.250000"),
        ("%(time) %(tmsecs) %(tmicros)", "1793880936 1793880936042 1793880936042000"),
        ("%(pid) %(wid) %(core) %(switches)", "<pid> 0 0 1"),
        ("%(werr)%(rerr)%(ioerr)%(modifier1)%(modifier2)", "00000"),
        ("%(var.SERVER_NAME) %(var.NONE)", "shop -"),
        ("%(var.HTTP_COOKIE)", "[redacted]"),
        ("%(cache) %(unknown)", "hit -"),
        ("%(request_id)", "r1"),
        ("50% %(method)", "50% GET"),
    ],
)
def test_a_uwsgi_variable(exchange: Make, template: str, shown: str) -> None:
    assert line(template, exchange(ENVIRON)) == with_ids(shown)


def test_memory_is_this_process_own(exchange: Make) -> None:
    vsz, rss, vsz_mib, rss_mib = map(int, line("%(vsz) %(rss) %(vszM) %(rssM)", exchange()).split())
    assert vsz > rss > 1 << 20
    assert abs((rss >> 20) - rss_mib) <= 1
    assert abs((vsz >> 20) - vsz_mib) <= 1


def test_memory_after_a_fork_is_the_childs() -> None:
    from wsgikit.core.memory import memory

    parents = memory()[1]
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            grown = []
            while abs(own_rss() - parents) < (16 << 20):  # a child has less to begin with, or as much
                grown.append(bytearray(8 << 20))
            os.write(writing, b"%d %d" % (memory()[1], own_rss()))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    try:
        said, true = map(int, os.read(reading, 64).split())
        assert abs(said - true) < (4 << 20)
    finally:
        os.close(reading)
        os.close(writing)


def own_rss() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("%{min}T", "in '%{min}T' one of 's', 'ms', 'us'"),
        ("%{thread}P", "one of 'pid', 'tid', 'hextid'"),
        ("%{foreign}p", "one of 'canonical', 'local', 'remote'"),
        ("%{u}a", "one of 'c'"),
        ("%m\u2028", "a template for one line"),
        ("%m\x1b[31m", "without control characters"),
        ("%(method)\x0b%(uri)", "a template for one line"),
        ('%(h)s "%(r)s" %(s)s', "gunicorn's or Paste's"),
        ("%(REMOTE_ADDR)s", "or Apache's, as %h"),
        ("%({Referer}i)s", "gunicorn's"),
        ("%(method) %(uri", "each '%\\(' with a name and a '\\)'"),
        ("%() %(uri)", "each '%\\(' with a name"),
        ("%h %Z", "'%Z' is no directive; these are: %% %a"),
        ("%", "'%' is no directive"),
        ("%{X}", "is no directive"),
        ("%m\n", "a template for one line"),
        ("%(method)\n", "a template for one line"),
    ],
)
def test_a_wrong_template_is_named(template: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        compiled(template, Redaction(DEFAULT))
    assert f"format={template!r}" in str(caught.value)
