"""Each cue puts on the wire what it says, seen by a client that repairs nothing."""

from __future__ import annotations

import threading

import pytest

from wsgikit.testing import ScriptedUpstream, cues


@pytest.fixture
def wire(connect):
    """What the upstream sends for one request until it closes; the request asks for that itself."""

    def sent(step, method="GET", body=b""):
        with ScriptedUpstream(step) as upstream:
            client = connect(upstream)
            client.send(b"%b / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" % method.encode())
            client.send(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            return client.rest()

    return sent


def test_answer_sends_a_right_answer(wire):
    assert wire(cues.answer(404, [("X-A", "1")], b"no")) == (
        b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nno"
    )
    assert wire(cues.answer("299 Fine By Me")).startswith(b"HTTP/1.1 299 Fine By Me\r\nContent-Length: 0\r\n")


def test_chunked_pieces_are_chunks(wire):
    step = cues.answer(body=[b"a" * 16, b"", b"b"], framing="chunked", trailers=[("X-Sum", "17")])
    assert wire(step).endswith(
        b"Transfer-Encoding: chunked\r\n\r\n10\r\n" + b"a" * 16 + b"\r\n1\r\nb\r\n0\r\nX-Sum: 17\r\n\r\n"
    )


def test_close_framing_ends_with_the_connection(connect):
    with ScriptedUpstream(cues.answer(body=b"all", framing="close")) as upstream:
        client = connect(upstream)
        client.get()
        assert client.rest().endswith(b"Connection: close\r\n\r\nall")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_events_between_pieces_are_waited_for(connect, framing):
    go_on, finish = threading.Event(), threading.Event()
    with ScriptedUpstream(
        cues.answer(body=[b"one", go_on, b"two", finish, b"three"], framing=framing)
    ) as upstream:
        client = connect(upstream)
        client.get()
        client.until(b"one")
        go_on.set()
        assert b"three" not in client.until(b"two")
        finish.set()
        client.until(b"three")


def test_head_and_204_and_304_get_no_body(wire):
    assert wire(cues.answer(body=b"body"), "HEAD") == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    assert wire(cues.answer(204, body=b"body")) == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert wire(cues.answer(304, body=b"body")) == b"HTTP/1.1 304 Not Modified\r\n\r\n"


@pytest.mark.parametrize(("status", "method"), [(200, "HEAD"), (204, "GET"), (304, "GET")])
def test_unasked_body_sends_one_all_the_same(wire, status, method):
    assert wire(cues.unasked_body(status, b"unasked"), method).endswith(b"Content-Length: 7\r\n\r\nunasked")


def test_interim_answers_go_first(wire):
    step = cues.answer(interim=[102, (103, [("Link", "</a>")])])
    assert wire(step).startswith(
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
    )
    assert wire(cues.interims(50, 103)).count(b"HTTP/1.1 103 Early Hints\r\n\r\n") == 50


def test_expect_may_be_ignored(connect):
    with ScriptedUpstream(cues.answer(expect="ignore")) as upstream:
        client = connect(upstream)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        upstream.wait_for(lambda: upstream.requests)
        client.send(b"ok")
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK")


UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"


def test_early_answers_before_the_body_and_asks_for_none(connect):
    with ScriptedUpstream(cues.early(413)) as upstream:
        client = connect(upstream)
        client.send(UPLOAD)
        assert client.rest().startswith(b"HTTP/1.1 413 ")
        client.sock.close()
        upstream.wait_for(lambda: upstream.open_connections == 0)
        assert not upstream.requests[0].complete


def test_early_and_keep_reads_the_body_after_the_answer(connect):
    with ScriptedUpstream(cues.early(200, b"ok", then="keep")) as upstream:
        client = connect(upstream)
        client.send(UPLOAD)
        client.until(b"ok")
        client.send(b"body")
        upstream.wait_for(lambda: upstream.requests[0].complete)
        client.get()
        client.until(b"ok")
    assert upstream.requests[0].body == b"body"
    assert upstream.faults == []


def test_lingering_takes_what_is_still_being_sent(connect):
    with ScriptedUpstream(cues.early(413, b"enough")) as upstream:
        client = connect(upstream)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
        client.send(b"x" * 4_000_000)
        assert client.rest().endswith(b"enough")


def test_never_answer_waits_for_the_client_to_leave(connect):
    with ScriptedUpstream(cues.never_answer()) as upstream:
        client = connect(upstream)
        client.get()
        upstream.wait_for(lambda: upstream.requests)
        assert upstream.open_connections == 1
        client.sock.close()
        upstream.wait_for(lambda: upstream.open_connections == 0)


def test_close_and_reset_end_the_connection_each_in_its_way(wire):
    assert wire(cues.close()) == b""
    assert wire(cues.close(reads="head"), "POST", b"") == b""
    with pytest.raises(ConnectionResetError):
        wire(cues.reset())
    with pytest.raises(ConnectionResetError):
        wire(cues.reset(reads="none"))
    with pytest.raises(ConnectionResetError):
        wire(cues.answer(body=b"ok", then="reset"))


def test_keep_for_closes_after_so_many_answers_unannounced(connect):
    with ScriptedUpstream(cues.keep_for(2)) as upstream:
        client = connect(upstream)
        client.get()
        client.until(b"ok")
        client.get()
        last = client.rest()
        assert last.endswith(b"ok")
        assert b"Connection" not in last


def test_short_answers_are_short(wire):
    assert wire(cues.short_body(b"begun", length=9)).endswith(b"Content-Length: 9\r\n\r\nbegun")
    assert wire(cues.short_chunked(b"begun")).endswith(b"Transfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")
    assert wire(cues.short_chunk(b"begun", length=16)).endswith(b"\r\n\r\n10\r\nbegun")


def test_cut_head_ends_within_the_head(wire):
    sent = wire(cues.cut_head())
    assert sent.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in sent


@pytest.mark.parametrize("line", cues.STATUS_LINES.values(), ids=cues.STATUS_LINES)
def test_bad_status_lines_come_first(wire, line):
    assert wire(cues.bad_status_line(line)).startswith(line + b"\r\n")


@pytest.mark.parametrize("line", cues.FIELDS.values(), ids=cues.FIELDS)
def test_bad_fields_stand_between_good_ones(wire, line):
    assert b"X-Before: 1\r\n" + line + b"\r\nX-After: 1\r\n" in wire(cues.bad_field(line))


@pytest.mark.parametrize("value", cues.LENGTHS.values(), ids=cues.LENGTHS)
def test_bad_lengths_are_sent_as_they_are(wire, value):
    assert b"Content-Length: " + value + b"\r\n\r\nok" in wire(cues.bad_length(value))


@pytest.mark.parametrize("size", cues.CHUNK_SIZES.values(), ids=cues.CHUNK_SIZES)
def test_bad_chunk_sizes_follow_a_good_chunk(wire, size):
    assert b"\r\n\r\n5\r\nbegun\r\n" + size + b"\r\n" in wire(cues.bad_chunk_size(size))


@pytest.mark.parametrize("value", cues.CODINGS.values(), ids=cues.CODINGS)
def test_bad_codings_are_sent_as_they_are(wire, value):
    assert b"Transfer-Encoding: " + value + b"\r\n\r\n2\r\nok" in wire(cues.bad_coding(value))


def test_drip_sends_the_same_bytes_one_by_one(wire):
    assert wire(cues.drip()) == cues.OK


def test_huge_headers_are_huge(wire):
    sent = wire(cues.huge_headers(3, 1 << 16))
    assert sent.count(b"X-Huge-") == 3
    assert len(sent) > 3 << 16


def test_stray_bytes_follow_the_answer_on_a_kept_connection(connect):
    with ScriptedUpstream(cues.stray_bytes(b"stray")) as upstream:
        client = connect(upstream)
        client.get()
        assert client.until(b"stray") == cues.OK + b"stray"
        client.get()
        assert client.until(b"stray") == cues.OK + b"stray"
        assert upstream.connections == 1


def test_raw_sends_what_it_is_given(wire):
    assert wire(cues.raw(b"\x00\xff", b"", b"!")) == b"\x00\xff!"
