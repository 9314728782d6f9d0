"""A redirect goes where the developer said, whatever a capture looks like."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote_to_bytes, urljoin, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from wsgikit.routing.location import Location
from wsgikit.routing.templates import UnfitCapture
from wsgikit.routing.text import encoded

captures = st.one_of(
    st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    st.text("/\\.:@?#&=%;+ \r\n\t\x00ae[]", max_size=12),
)
HERE = "https://shop.example/base/page"


def location(template, environ=None, *, keep_query=False, **values):
    ready = Location(template, layer="Redirect", option="to")
    return ready.render(environ or {}, values, keep_query=keep_query)


@given(captures)
@example("/evil.org")
@example("//evil.org")
@example("\\\\evil.org")
@example("/\\evil.org")
@example("\t/evil.org")
@example(".evil.org")
@example("@evil.org")
@example(":evil@evil.org")
@example("javascript:alert(1)")
@example("https://evil.org/")
@example("\r\nSet-Cookie: a=b")
@pytest.mark.parametrize(
    "template",
    [
        "{x}",
        "/{x}",
        "/new/{x}",
        "/new/{x}/end?q={x}&r=1#{x}",
        "//shop.example/{x}",
        "https://shop.example{x}",
        "https://shop.example/{x}",
        "https://shop.example/a?x={x}",
        "https://shop.example{x}?x={x}",
        "https://[::1]:8000{x}",
    ],
)
def test_no_capture_leads_to_another_host_or_out_of_its_place(template, x):
    try:
        sent = location(template, x=x)
    except UnfitCapture:
        assert any(segment in (".", "..") for segment in f"{x}/".replace("\\", "/").split("/"))
        return
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent
    reached, meant = urlsplit(urljoin(HERE, sent)), urlsplit(urljoin(HERE, template.replace("{x}", "")))
    assert (reached.scheme, reached.netloc) == (meant.scheme, meant.netloc)
    raw = encoded(x)
    before, _, after = urlsplit(template.replace("{x}", "\x01")).path.partition("\x01")
    if "\x01" in template.partition("?")[0]:
        whole = unquote_to_bytes(reached.path)
        assert whole.lstrip(b"/") == (before.encode() + raw + after.encode()).lstrip(b"/")
    sent_query = parse_qsl(reached.query, keep_blank_values=True, errors="surrogateescape")
    meant_query = [
        (name, value + x if value == "" else value) for name, value in parse_qsl(meant.query, True)
    ]
    assert sent_query == meant_query
    assert unquote_to_bytes(reached.fragment) == (raw if "#" in template else b"")


@given(captures)
def test_a_path_has_the_segments_that_the_capture_has(x):
    assume(not any(segment in (".", "..") for segment in x.replace("\\", "/").split("/")))
    assert location("/a/{x}/b", x=x).count("/") == 3 + x.count("/")


@given(captures)
def test_a_capture_in_the_host_is_part_of_a_name_or_refused(x):
    try:
        sent = location("https://{x}.example.com:{port}/p", x=x, port="80")
    except UnfitCapture:
        return
    assert urlsplit(sent).hostname == f"{x}.example.com".lower()
    assert (urlsplit(sent).port, urlsplit(sent).path) == (80, "/p")


@pytest.mark.parametrize(
    "x", ["evil.org/", "evil.org#", "evil.org?", "a@evil.org", "evil.org:80", "a b", "é", "\n"]
)
def test_a_capture_in_the_host_cannot_end_it(x):
    with pytest.raises(UnfitCapture, match="host name"):
        location("https://{x}.example.com/", x=x)


@pytest.mark.parametrize(
    "template", ["https://{host}{x}", "https://{host}/{x}", "//{host}:80/{x}", "//{host}{x}"]
)
def test_a_host_that_is_empty_does_not_leave_the_path_to_be_one(template):
    with pytest.raises(UnfitCapture, match="host name"):
        location(template, x="/evil.org")
    assert urlsplit(location(template, host="shop.example", x="/evil.org")).hostname == "shop.example"


@pytest.mark.parametrize("x", ["..", "../a", "a/..", "a/../b", ".", "./", "a\\..\\b"])
def test_dot_segments_from_a_capture_are_refused(x):
    with pytest.raises(UnfitCapture, match="dot segments"):
        location("/files/{x}", x=x)


def test_dots_within_names_are_no_dot_segments():
    assert location("/files/{x}", x="..a/b../.c/...") == "/files/..a/b../.c/..."


def test_a_path_begins_at_the_mount_point_and_a_url_does_not():
    mounted = {"SCRIPT_NAME": "/my shop"}
    assert location("/new", mounted) == "/my%20shop/new"
    assert location("https://other.example/new", mounted) == "https://other.example/new"
    assert location("/new", {"SCRIPT_NAME": "/"}) == "/new"
    assert location("/new", {"SCRIPT_NAME": "//evil.org"}) == "/%2Fevil.org/new"


def test_the_query_is_kept_behind_the_templates_own():
    environ = {"QUERY_STRING": "a=1&b=%26"}
    assert location("/new", environ, keep_query=True) == "/new?a=1&b=%26"
    assert location("/new?x=y", environ, keep_query=True) == "/new?x=y&a=1&b=%26"
    assert location("/new?x=y#f", environ, keep_query=True) == "/new?x=y&a=1&b=%26#f"
    assert location("/new?x=y", environ) == "/new?x=y"
    assert location("/new", {"QUERY_STRING": ""}, keep_query=True) == "/new"
    assert location("https://a.example", environ, keep_query=True) == "https://a.example?a=1&b=%26"


@given(st.binary(max_size=30))
def test_a_query_kept_is_fit_for_a_header_whatever_it_was(raw):
    sent = location("/new", {"QUERY_STRING": raw.decode("latin-1")}, keep_query=True)
    assert sent.isascii()
    assert sent.isprintable()
    assert "#" not in sent
    assert unquote_to_bytes(sent) == unquote_to_bytes(b"/new?" * bool(raw) + raw or b"/new")


def test_plain_text_may_be_encoded_already_or_not_at_all():
    assert location("/a%20b/ü c?q=ü&r=%C3") == "/a%20b/%C3%BC%20c?q=%C3%BC&r=%C3"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("new", "a path that begins with"),
        ("evil.org/{x}", "a path that begins with"),
        ("javascript:alert(1)", "a path that begins with"),
        ("{scheme}://shop.example/", "scheme in plain text"),
        ("https:///x", "host in ASCII and without a user"),
        ("https://user@shop.example/", "host in ASCII and without a user"),
        ("https://büro.example/", "host in ASCII and without a user"),
        ("https://shop.example{x}/y", "ends in plain text"),
        ("/a/../b", "without dot segments"),
        ("/a/%2e%2e/b", "without dot segments"),
        ("/a\r\nX: y", "line ends"),
        ("/{", "opens a name"),
    ],
)
def test_a_template_that_cannot_be_right_is_an_error_at_once(template, message):
    with pytest.raises(ValueError, match=f"Redirect: to=.*{message}"):
        location(template)
