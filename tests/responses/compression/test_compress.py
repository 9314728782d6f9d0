"""Compress; a test named by a code (G1, T2, P5 ...) is one of the behaviours in docs/behaviours.md:
P for every layer that touches bodies, T for those that change them, G for compression."""

from __future__ import annotations

import copy
import gc
import gzip
import pickle
import sys
import weakref
import zlib
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.responses.compression.decoding import decoder
from wsgikit.responses.compression import encoded
from wsgikit.responses.compression.compress import TEXTUAL, Compress
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import CLOSED, AwkwardApp, AwkwardError, expectations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wsgikit.testing.call import Result

PAGE = b"".join(b"<p>line %d of a page that repeats itself</p>\n" % n for n in range(100))
HTML = ("Content-Type", "text/html; charset=utf-8")
LENGTH = ("Content-Length", str(len(PAGE)))
GZIP = {"Accept-Encoding": "gzip"}


def answering(
    *headers: tuple[str, str], status: str = "200 OK", body: Iterable[bytes] = (PAGE,), kind: str = HTML[1]
) -> Any:
    """An app with one answer; a tuple for a body is given as a list."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(status, [("Content-Type", kind), *headers])
        return list(body) if isinstance(body, tuple) else body

    return app


def ask(app: Any, method: str = "GET", *, headers: Any = GZIP, **options: Any) -> Result:
    """One request through a Compress that knows gzip alone. The inner lint is missing: it would hide lists."""
    options.setdefault("encodings", "gzip")
    return call(lint(Compress(app, **options)), method, headers=headers)


def vary(result: Result) -> list[str]:
    return [member.strip().lower() for member in (result.header("Vary") or "").split(",") if member]


def assert_untouched(result: Result, body: bytes = PAGE) -> None:
    assert result.body == body
    assert result.header("Content-Encoding") is None
    assert "accept-encoding" not in vary(result)


# ---- P: like every layer


class Body:
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("stop_after", [None, 0, 1])
def test_P1_body_is_closed_once(method: str, stop_after: int | None) -> None:
    body = Body([PAGE, PAGE])
    call(lint(Compress(answering(body=body))), method, headers=GZIP, stop_after=stop_after)
    assert body.closed == 1


def test_P2_exc_info_before_the_first_byte_changes_the_head() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "image/png")])
        yield b""
        try:
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [HTML], sys.exc_info())
        yield PAGE

    result = ask(app)
    assert result.status == 500
    assert gzip.decompress(result.body) == PAGE


def test_P2_error_page_in_place_of_a_body_already_given_back_is_sent_as_it_is() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "image/png")])
        return stream(start_response)

    def stream(start_response: Any) -> Iterator[bytes]:
        try:
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [HTML], sys.exc_info())
        yield PAGE

    result = ask(app)
    assert (result.status, result.body, result.header("Content-Encoding")) == (500, PAGE, None)
    assert vary(result) == ["accept-encoding"]


def test_P3_write_keeps_its_order_with_the_iterable() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [HTML])
        write(b"a")
        write(b"b")
        return [b"c", b"d"]

    assert gzip.decompress(ask(app).body) == b"abcd"


def test_P4_one_item_comes_out_for_one_item_in() -> None:
    pulled = []

    def stream() -> Iterator[bytes]:
        for number in range(3):
            pulled.append(number)
            yield b"x" * number

    chunks = iter(Compress(answering(body=stream()))({"HTTP_ACCEPT_ENCODING": "gzip"}, start_nothing))
    for number in range(3):
        next(chunks)
        assert pulled == list(range(number + 1))


def start_nothing(*args: Any) -> Any:
    return lambda chunk: None


@pytest.mark.parametrize(
    ("environ", "app"),
    [
        ({}, answering(body=[PAGE])),
        ({"HTTP_ACCEPT_ENCODING": "gzip"}, answering(body=[PAGE], kind="image/png")),
        ({"HTTP_ACCEPT_ENCODING": "gzip"}, answering(body=[b"small"])),
        ({"HTTP_ACCEPT_ENCODING": "gzip"}, answering(body=iter([PAGE]), kind="video/mp4")),
    ],
)
def test_P5_unchanged_body_is_the_same_object(environ: dict[str, str], app: Any) -> None:
    assert Compress(app)(dict(environ), start_nothing) is app({}, start_nothing)


def test_P6_headers_are_copied_and_none_is_hop_by_hop() -> None:
    given = [HTML, LENGTH, ("ETag", '"a"')]

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", given)
        return [PAGE]

    for headers in (GZIP, {}):
        result = ask(app, headers=headers)  # through a lint, which knows the hop-by-hop headers
        assert result.headers != given
    assert given == [HTML, LENGTH, ("ETag", '"a"')]


def test_P7_the_request_body_is_not_read() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML])
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]

    result = call(Compress(app), "POST", headers=GZIP, body=PAGE)
    assert gzip.decompress(result.body) == PAGE


def test_P8_answers_under_way_at_once_do_not_mix() -> None:
    layer = Compress(answering(body=()), encodings="gzip")
    pages = [b"%d" % number * 1000 for number in range(3)]
    under_way = []
    for page in pages:
        layer.app = answering(body=(page[:500] for page in (page, page)))
        under_way.append(iter(layer({"HTTP_ACCEPT_ENCODING": "gzip"}, start_nothing)))
    sent = [b"".join(parts) for parts in zip(*(zip(*under_way, strict=True)), strict=True)]
    assert [gzip.decompress(content) for content in sent] == pages


@pytest.mark.parametrize("body", [(PAGE,), Body([PAGE])])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_P9_a_body_wrongly_given_does_not_leave_encoded(status: str, body: Any) -> None:
    method = "HEAD" if status == "200 OK" else "GET"
    result = call(Compress(answering(status=status, body=body)), method, headers=GZIP)
    assert method == "GET" or result.body == b""
    assert status == "200 OK" or result.header("Content-Encoding") is None


def test_P10_error_in_the_app_leaves_a_body_that_is_visibly_cut_short() -> None:
    def stream() -> Iterator[bytes]:
        yield PAGE
        raise KeyError("midway")

    chunks = iter(Compress(answering(body=stream()))({"HTTP_ACCEPT_ENCODING": "gzip"}, start_nothing))
    decoder = zlib.decompressobj(31)
    assert decoder.decompress(next(chunks)) == PAGE
    with pytest.raises(KeyError):
        next(chunks)
    assert list(chunks) == []
    assert not decoder.eof


def test_P10_body_shorter_than_its_content_length_is_not_completed() -> None:
    with pytest.raises(EOFError):
        call(Compress(answering(LENGTH, body=iter([PAGE[:-1]]))), headers=GZIP)


@pytest.mark.parametrize("accepted", ["", "gzip", "br", "zstd"])
@pytest.mark.parametrize("expected", expectations.values(), ids=list(awkward_apps))
def test_awkward_apps_arrive_right(expected: AwkwardApp, accepted: str) -> None:
    read = decoder(accepted) if accepted else bytes
    closed: list[str] = []
    layer = Compress(lint(expected.app, allow=expected.breaks), level=1)

    def send() -> Result:
        return call(
            lint(layer, allow=expected.breaks),
            expected.method,
            expected.path,
            headers={"Accept-Encoding": accepted},
            body=expected.request_body,
            environ={CLOSED: closed},
        )

    if expected.raises:
        with pytest.raises(AwkwardError):
            send()
    else:
        result = send()
        assert result.status == expected.status
        assert (read(result.body) if result.header("Content-Encoding") else result.body) == expected.body
        assert {("X-Text", "yes"), *_COOKIES} & set(expected.headers) <= set(result.headers)
    assert len(closed) == expected.closes


_COOKIES = expectations["several Set-Cookie"].headers


# ---- T: what changes bodies


@pytest.mark.parametrize("value", ["no-transform", "public, No-Transform", "max-age=1,no-transform "])
def test_T1_no_transform_is_obeyed(value: str) -> None:
    assert_untouched(ask(answering(("Cache-Control", value))))


def test_T1_no_transform_is_found_in_any_of_several_headers() -> None:
    headers = (("Cache-Control", "no-transform"), ("cache-control", "max-age=1"))
    assert_untouched(ask(answering(*headers)))


def test_T2_headers_about_the_bytes_as_they_were_are_gone() -> None:
    stale = [
        ("Content-MD5", "x"),
        ("content-digest", "sha-256=:x:"),
        ("Repr-Digest", "sha-256=:x:"),
        ("Digest", "sha-256=x"),
        ("Accept-Ranges", "bytes"),
    ]
    result = ask(answering(LENGTH, *stale, ("Last-Modified", "x"), ("ETag", '"a"')))
    assert sorted(result.headers) == sorted(
        [
            HTML,
            ("Last-Modified", "x"),
            ("ETag", 'W/"a"'),
            ("Content-Encoding", "gzip"),
            ("Vary", "Accept-Encoding"),
            ("Content-Length", str(len(result.body))),
        ]
    )


def test_T2_length_of_a_stream_is_not_announced() -> None:
    result = ask(answering(LENGTH, body=iter([PAGE])))
    assert result.header("Content-Length") is None
    assert gzip.decompress(result.body) == PAGE


def test_T3_206_is_untouched_but_for_vary() -> None:
    headers = (("Content-Range", "bytes 0-9/100"), ("Content-Length", "10"), ("ETag", '"a"'))
    result = ask(answering(*headers, status="206 Partial Content", body=(b"0123456789",)))
    # RFC 9110 section 15.3.7: a 206 has the Vary of its 200.
    assert result.headers == [HTML, *headers, ("Vary", "Accept-Encoding")]
    assert result.body == b"0123456789"


def test_T3_any_other_answer_with_a_content_range_is_untouched() -> None:
    headers = (("Content-Range", "bytes */100"),)
    result = ask(answering(*headers, status="416 Range Not Satisfiable"))
    assert_untouched(result)


def test_T4_encoded_body_is_not_encoded_again() -> None:
    content = gzip.compress(PAGE)
    result = ask(answering(("Content-Encoding", "gzip"), body=(content,)))
    assert (result.body, result.headers) == (content, [HTML, ("Content-Encoding", "gzip")])


@pytest.mark.parametrize("kind", ["TEXT/HTML", "text/html;charset=x", "application/problem+json ; a=b"])
def test_T5_media_type_counts_without_case_and_parameters(kind: str) -> None:
    assert ask(answering(kind=kind)).header("Content-Encoding") == "gzip"


# T6 (a cap on what is held) has nothing to hold to: no body is collected.


def test_T6_memory_does_not_grow_with_the_body() -> None:
    import tracemalloc

    body = (PAGE for _ in range(2000))
    chunks = iter(
        Compress(answering(body=body), encodings="gzip")({"HTTP_ACCEPT_ENCODING": "gzip"}, start_nothing)
    )
    next(chunks)
    tracemalloc.start()
    for _ in chunks:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


# ---- G: compression


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, br, zstd", "zstd"), ("gzip, br;q=0.9, zstd;q=0.8", "gzip"), ("br;q=0.1, gzip;q=0.1", "br")],
)
def test_G1_quality_values_are_honoured_and_ties_go_by_order(accepted: str, coding: str) -> None:
    pytest.importorskip("brotli")
    result = ask(answering(), headers={"Accept-Encoding": accepted}, encodings=("zstd", "br", "gzip"))
    assert result.header("Content-Encoding") == coding


def test_G1_order_is_the_one_given() -> None:
    pytest.importorskip("brotli")
    result = ask(answering(), headers={"Accept-Encoding": "gzip, br"}, encodings=("gzip", "br"))
    assert result.header("Content-Encoding") == "gzip"


@pytest.mark.parametrize("accepted", ["gzip;q=0", "*;q=0", "gzip;q=0, *", "identity, gzip;q=0.5"])
def test_G2_what_is_forbidden_is_never_chosen(accepted: str) -> None:
    result = ask(answering(), headers={"Accept-Encoding": accepted})
    assert (result.body, result.header("Content-Encoding")) == (PAGE, None)


def test_G2_the_star_covers_what_is_not_named() -> None:
    assert ask(answering(), headers={"Accept-Encoding": "*"}).header("Content-Encoding") == "gzip"


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": ""}, {"Accept-Encoding": "deflate"}])
def test_G3_without_an_encoding_in_common_the_body_goes_as_it_is(headers: dict[str, str]) -> None:
    result = ask(answering(LENGTH), headers=headers)
    assert (result.body, result.header("Content-Encoding")) == (PAGE, None)
    assert result.header("Content-Length") == str(len(PAGE))


@pytest.mark.parametrize("headers", [GZIP, {}, {"Accept-Encoding": "gzip", "Range": "bytes=0-9"}])
@pytest.mark.parametrize(
    ("given", "merged"),
    [
        ((), "Accept-Encoding"),
        ((("Vary", "Cookie"),), "Cookie, Accept-Encoding"),
        ((("vary", "accept-ENCODING"),), "accept-ENCODING"),
        ((("Vary", "Cookie"), ("VARY", "Origin")), "Cookie, Origin, Accept-Encoding"),
        ((("Vary", "*"),), "*"),
        ((("Vary", "*"), ("Vary", "Cookie")), "*, Cookie"),
        ((("Vary", ""),), "Accept-Encoding"),
    ],
)
def test_G4_vary_is_merged_on_encoded_and_on_identity(
    headers: dict[str, str], given: tuple[tuple[str, str], ...], merged: str
) -> None:
    assert ask(answering(*given), headers=headers).header("Vary") == merged


@pytest.mark.parametrize("headers", [GZIP, {}])
def test_G4_vary_is_merged_on_a_304(headers: dict[str, str]) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("304 Not Modified", [("ETag", '"a"')])
        return []

    assert ask(app, headers=headers).headers == [("ETag", '"a"'), ("Vary", "Accept-Encoding")]


@pytest.mark.parametrize("headers", [GZIP, {}])
@pytest.mark.parametrize(
    "app",
    [
        answering(kind="image/png"),
        answering(("Content-Length", "5"), body=(b"small",)),
        answering(("Content-Encoding", "br")),
        answering(("Cache-Control", "no-transform")),
        answering(status="304 Not Modified", body=(), kind="image/png"),
    ],
)
def test_G4_vary_is_left_alone_where_nobody_gets_it_encoded(app: Any, headers: dict[str, str]) -> None:
    assert vary(ask(app, headers=headers)) == []


def test_G5_strong_etag_is_weakened() -> None:
    assert ask(answering(("ETag", '"a"'))).header("ETag") == 'W/"a"'


def test_G5_weak_etag_is_left_alone() -> None:
    assert ask(answering(("ETag", 'W/"a"'))).header("ETag") == 'W/"a"'


def test_G5_identity_keeps_its_strong_etag() -> None:
    assert ask(answering(("ETag", '"a"')), headers={}).header("ETag") == '"a"'


@pytest.mark.parametrize(
    ("listed", "accepted", "tag"),
    [
        ('W/"a"', "gzip", 'W/"a"'),
        ('"b", W/"a"', "gzip", 'W/"a"'),
        ('"a"', "gzip", '"a"'),
        ('W/"aa"', "gzip", '"a"'),
        ("*", "gzip", '"a"'),
        ('W/"a"', "", '"a"'),  # its 200 would not be encoded
    ],
)
def test_G6_304_carries_the_tag_that_its_200_would(listed: str, accepted: str, tag: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("304 Not Modified", [("ETag", '"a"')])
        return []

    headers = {"Accept-Encoding": accepted, "If-None-Match": listed}
    assert ask(app, headers=headers).header("ETag") == tag


def test_G7_conditions_reach_the_app_as_the_client_sent_them() -> None:
    """Tags are weakened, not marked with a suffix, so there is nothing to map back."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.update(environ)
        start_response("200 OK", [HTML])
        return [PAGE]

    sent = {"If-None-Match": 'W/"a"', "If-Match": '"b"', "If-Range": '"c"', **GZIP}
    ask(app, headers=sent)
    assert [seen["HTTP_" + name.upper().replace("-", "_")] for name in sent] == list(sent.values())


@pytest.mark.parametrize("coding", ["br", "GZIP", "gzip, br", "unheard-of"])
def test_G8_answer_with_a_content_encoding_is_untouched(coding: str) -> None:
    result = ask(answering(("Content-Encoding", coding)))
    assert (result.body, result.header("Content-Encoding")) == (PAGE, coding)


def test_G8_identity_is_no_encoding() -> None:
    result = ask(answering(("Content-Encoding", "Identity")))
    assert result.all("Content-Encoding") == ["gzip"]


@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content"])
def test_G9_answer_without_content_is_untouched(status: str) -> None:
    assert_untouched(ask(answering(status=status, body=())), b"")


@pytest.mark.parametrize("body", [(), (b"",), (b"x" * 499,), (b"x" * 250, b"x" * 249)])
def test_G9_list_below_min_size_is_untouched(body: tuple[bytes, ...]) -> None:
    assert_untouched(ask(answering(body=body)), b"".join(body))


def test_G9_stream_below_min_size_is_untouched_if_its_length_is_told() -> None:
    assert_untouched(ask(answering(("Content-Length", "499"), body=iter([b"x" * 499]))), b"x" * 499)


def test_G9_min_size_itself_is_enough() -> None:
    assert ask(answering(body=(b"x" * 500,))).header("Content-Encoding") == "gzip"


def test_G9_empty_body_is_untouched_whatever_min_size() -> None:
    assert_untouched(ask(answering(body=()), min_size=0), b"")
    assert ask(answering(body=(b"x",)), min_size=0).header("Content-Encoding") == "gzip"


@pytest.mark.parametrize(
    "kind",
    ["image/png", "image/webp", "video/mp4", "application/zip", "font/woff2", "application/pdf", "", "text"],
)
def test_G9_what_is_compressed_already_is_untouched(kind: str) -> None:
    assert_untouched(ask(answering(kind=kind)))


def test_G9_answer_without_a_content_type_is_untouched() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [LENGTH])
        return [PAGE]

    assert_untouched(ask(app))


@pytest.mark.parametrize("status", ["404 Not Found", "500 Internal Server Error", "201 Created"])
def test_G9_pages_of_other_statuses_are_encoded(status: str) -> None:
    assert gzip.decompress(ask(answering(status=status)).body) == PAGE


@pytest.mark.parametrize("kind", ["text/event-stream", "text/html"])
def test_G10_each_chunk_is_decodable_on_arrival(kind: str) -> None:
    chunks = [b"data: 1\n\n", b"", b"data: 2\n\n", PAGE]
    result = ask(answering(kind=kind, body=iter(chunks)))
    decoder = zlib.decompressobj(31)
    assert [decoder.decompress(chunk) for chunk in result.chunks[:4]] == chunks
    assert decoder.decompress(result.chunks[4]) == b""
    assert decoder.eof


def test_G10_list_is_compressed_in_one_piece() -> None:
    result = ask(answering(body=(PAGE[:1000], PAGE[1000:])))
    assert len(result.chunks) == 1
    assert result.header("Content-Length") == str(len(result.body))
    assert len(result.body) < len(ask(answering(body=iter([PAGE[:1000], PAGE[1000:]]))).body)


def test_G10_file_is_compressed_without_a_flush_for_each_block() -> None:
    import io

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML])
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(PAGE), 100)
        return wrapped

    layer = Compress(app, encodings="gzip")
    result = call(layer, headers=GZIP, environ={"wsgi.file_wrapper": FileWrapper})
    assert gzip.decompress(result.body) == PAGE
    assert result.chunks.count(b"") > len(result.chunks) / 2


@pytest.mark.parametrize("body", [(), iter(())])
def test_G11_head_gives_the_headers_of_get_without_a_content_length(body: Iterable[bytes]) -> None:
    headers = (LENGTH, ("ETag", '"a"'), ("Accept-Ranges", "bytes"))
    got = ask(answering(*headers, body=(PAGE,)))
    head = ask(answering(*headers, body=body), "HEAD")
    assert head.headers == [pair for pair in got.headers if pair[0] != "Content-Length"]
    assert head.body == b""


@pytest.mark.parametrize(
    "app", [answering(("Content-Length", "5"), body=()), answering(LENGTH, kind="image/png")]
)
def test_G11_head_of_what_is_not_encoded_keeps_its_content_length(app: Any) -> None:
    headers = call(Compress(app), "HEAD", headers=GZIP).headers
    assert headers == call(app, "HEAD").headers


def test_G12_range_request_gets_identity() -> None:
    result = ask(answering(LENGTH, ("Accept-Ranges", "bytes")), headers={**GZIP, "Range": "bytes=0-9"})
    assert (result.body, result.header("Content-Encoding")) == (PAGE, None)
    assert result.header("Accept-Ranges") == "bytes"


def test_G13_x_gzip_is_gzip() -> None:
    assert ask(answering(), headers={"Accept-Encoding": "x-gzip"}).header("Content-Encoding") == "gzip"


@pytest.mark.parametrize(
    "level", [{"br": 6}, {"br": 11}, {"zstd": 9}, {"zstd": 22}, {"gzip": 10}, {"gzip": 0}]
)
def test_G14_levels_unfit_for_the_fly_are_refused(level: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"Compress: level=.*takes 1 to"):
        Compress(answering(), level=level)


def test_G15_client_that_leaves_frees_the_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Any]] = []

    class Seen(encoded.Streamed):
        def __init__(self, encoder: Any) -> None:
            super().__init__(encoder)
            made.append(weakref.ref(self))

    monkeypatch.setattr("wsgikit.responses.compression.compress.Streamed", Seen)
    body = Compress(answering(body=iter([PAGE, PAGE])))({"HTTP_ACCEPT_ENCODING": "gzip"}, start_nothing)
    next(iter(body))
    assert made[0]() is not None
    body.close()  # type: ignore[attr-defined]
    gc.collect()
    assert made[0]() is None


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "identity;q=0, deflate"])
def test_G16_identity_is_sent_where_nothing_else_can_be(accepted: str) -> None:
    assert ask(answering(), headers={"Accept-Encoding": accepted}).body == PAGE


# ---- options


@given(st.lists(st.binary(max_size=3000), max_size=8), st.booleans())
def test_any_body_is_read_back_as_it_was(chunks: list[bytes], streamed: bool) -> None:
    app = answering(body=iter(chunks) if streamed else tuple(chunks))
    result = ask(app, min_size=0)
    content = result.body
    assert (gzip.decompress(content) if result.header("Content-Encoding") else content) == b"".join(chunks)


def test_skip_passes_a_request_by() -> None:
    seen: list[str] = []

    def skip(environ: dict[str, Any]) -> bool:
        seen.append(environ["PATH_INFO"])
        return bool(environ["PATH_INFO"] == "/account")

    layer = Compress(answering(), skip=skip)
    assert_untouched(call(layer, path="/account", headers=GZIP))
    assert call(layer, path="/page", headers=GZIP).header("Content-Encoding") == "gzip"
    assert seen == ["/account", "/page"]


def test_types_are_those_given() -> None:
    assert ask(answering(kind="image/bmp"), types="image/*").header("Content-Encoding") == "gzip"
    assert_untouched(ask(answering(), types=("image/*",)))


@pytest.mark.parametrize(
    "kind", ["text/css", "application/json", "application/ld+json", "image/svg+xml", "application/wasm"]
)
def test_textual_covers_what_the_web_is_made_of(kind: str) -> None:
    assert ask(answering(kind=kind), types=TEXTUAL).header("Content-Encoding") == "gzip"


def test_one_level_is_for_all_codings_within_what_each_takes() -> None:
    pytest.importorskip("brotli")
    assert Compress(answering(), level=9).level == 9
    sizes = [
        len(call(Compress(answering(body=(PAGE * 10,)), level=level), headers=GZIP).body) for level in (1, 9)
    ]
    assert sizes[0] > sizes[1]


def test_level_may_be_given_per_coding() -> None:
    best = len(ask(answering(body=(PAGE * 10,)), level={"gzip": 9, "br": 5}).body)
    assert best == len(ask(answering(body=(PAGE * 10,)), level=9).body)


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_missing_library_is_an_error_only_for_who_asks_by_name(
    monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    for name in ("brotli", "backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=rf"Compress: encodings='{coding}'.*wsgikit\[compress\]"):
        Compress(answering(), encodings=(coding, "gzip"))
    result = call(Compress(answering()), headers={"Accept-Encoding": "br, zstd, gzip;q=0.1"})
    assert result.header("Content-Encoding") == "gzip"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encodings": ("gzip", "deflate")}, "encodings='deflate'"),
        ({"encodings": "gzp"}, "did you mean 'gzip'"),
        ({"encodings": ()}, r"encodings=\(\)"),
        ({"level": 0}, "level=0"),
        ({"level": 10}, "1 .fast. to 9 .small."),
        ({"level": {"gzipp": 3}}, "did you mean 'gzip'"),
        ({"min_size": -1}, "min_size=-1"),
        ({"min_size": "big"}, "min_size='big'"),
        ({"types": ["html"]}, "types='html'"),
    ],
)
def test_wrong_value_is_refused_by_name(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"Compress: .*{message}"):
        Compress(answering(), **options)


@pytest.mark.parametrize(
    "options",
    [{"encodings": 5}, {"level": "high"}, {"level": True}, {"min_size": 1.5}, {"types": 5}, {"skip": "/x"}],
)
def test_wrong_type_is_refused_by_name(options: Any) -> None:
    with pytest.raises(TypeError, match=f"Compress: {next(iter(options))}="):
        Compress(answering(), **options)


def test_mistyped_option_names_the_right_one() -> None:
    with pytest.raises(TypeError, match="'min_size'"):
        Compress(answering(), minsize=5)  # type: ignore[call-arg]


def page(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return [PAGE]


def test_layer_pickles_and_copies() -> None:
    layer = Compress(page, encodings=("gzip",), level=3, min_size="1KiB", skip=None)
    assert layer.options() == {"encodings": ("gzip",), "level": 3, "min_size": "1KiB", "skip": None}
    assert layer.min_size == 1024
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert call(twin, headers=GZIP).body == call(layer, headers=GZIP).body
