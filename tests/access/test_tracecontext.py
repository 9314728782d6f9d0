"""W3C Trace Context, rule by rule."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.access.tracecontext import continued, sound_state

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("sent", "flags"),
    [
        (f"00-{TRACE}-{PARENT}-00", "00"),
        (f"00-{TRACE}-{PARENT}-01", "01"),
        (f"00-{TRACE}-{PARENT}-03", "03"),
        (f"00-{TRACE}-{PARENT}-ff", "03"),  # flags that nobody knows are not handed on
        (f"00-{TRACE}-{PARENT}-08", "00"),
        (f"01-{TRACE}-{PARENT}-01", "01"),  # a later version is read as far as ours goes
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", "01"),
        (f"cc-{TRACE}-{PARENT}-01-", "01"),
        (f"fe-{TRACE}-{PARENT}-01", "01"),
    ],
)
def test_a_trace_goes_on_with_a_parent_of_its_own(sent: str, flags: str) -> None:
    trace = continued(sent)
    assert trace is not None
    assert (trace.trace_id, trace.parent_id) == (TRACE, PARENT)
    assert re.fullmatch(r"[0-9a-f]{16}", trace.span_id)
    assert trace.span_id != PARENT
    assert trace.traceparent == f"00-{TRACE}-{trace.span_id}-{flags}"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        " ",
        "00",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"00-{TRACE}-{PARENT}-0",
        f"00-{TRACE}-{PARENT}-0X",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01-",
        f"00-{TRACE}-{PARENT}-01.",
        f"cc-{TRACE}-{PARENT}-01.what",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}1-{PARENT}-01",
        f"00-{TRACE}-{PARENT[1:]}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01\n",
        f" 00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",  # two header lines
        f"00_{TRACE}_{PARENT}_01",
        f"\u0660\u0660-{TRACE}-{PARENT}-01",
    ],
)
def test_what_is_no_traceparent(sent: str) -> None:
    assert continued(sent) is None


@pytest.mark.parametrize(
    "state",
    [
        "",
        "a=1",
        "rojo=00f067aa0ba902b7",
        "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
        "a=1, b=2 ,\tc=3",
        "a=1,,b=2",
        "fw529a3039@dt=FfAAAAAA",
        "1tenant@sys=x",
        "1a=1",
        "a_-*/b=v al",
        "a=" + "x" * 256,
        ",".join(f"k{number}=1" for number in range(32)),
        "," * 60_000 + "a=1",
    ],
)
def test_a_sound_state(state: str) -> None:
    assert sound_state(state)


@pytest.mark.parametrize(
    "state",
    [
        "a",
        "a=",
        "=1",
        "A=1",
        "a b=1",
        "_a=1",
        "a=1=2",
        "a=1,a=2",
        "a=x\x1b",
        "a=caf\xe9",
        "a=1;b=2,c",
        "a=" + "x" * 257,
        "a" * 257 + "=1",
        ",".join(f"k{number}=1" for number in range(33)),
        " " * 60_000 + "a",  # kept a backtracking pattern busy for 23 seconds
    ],
)
def test_no_sound_state(state: str) -> None:
    assert not sound_state(state)


@given(
    st.one_of(st.text(), st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True))
)
def test_what_goes_on_is_always_well_formed(sent: str) -> None:
    trace = continued(sent)
    if trace is not None:
        assert continued(trace.traceparent) is not None
        assert trace.trace_id == sent[3:35]
    sound_state(sent)
