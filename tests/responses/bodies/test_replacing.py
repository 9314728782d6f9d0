from __future__ import annotations

import re
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.responses.bodies.replacing import Replacements, Replacing, ReplacingText

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

few = st.text("ab", min_size=1, max_size=5).map(str.encode)
tables = st.dictionaries(few, st.sampled_from([b"", b"a", b"<1>", b"abab"]), min_size=1, max_size=4)


def replaced(table: Mapping[bytes, bytes], chunks: Iterable[bytes]) -> bytes:
    replacing = Replacing(Replacements(table))
    return b"".join([*map(replacing.feed, chunks), replacing.finish()])


def cut(content: bytes, places: Iterable[int]) -> list[bytes]:
    borders = [0, *sorted(places), len(content)]
    return [content[start:end] for start, end in pairwise(borders)]


@given(table=tables, content=st.text("abc", max_size=24).map(str.encode), places=st.lists(st.integers(0, 24)))
def test_leftmost_and_longest_for_every_split(
    table: dict[bytes, bytes], content: bytes, places: list[int]
) -> None:
    longest_first = sorted(map(re.escape, table), key=len, reverse=True)
    expected = re.sub(b"|".join(longest_first), lambda match: table[match[0]], content)
    assert replaced(table, cut(content, places)) == expected
    assert replaced(table, [bytes((byte,)) for byte in content]) == expected


@given(old=few, new=st.binary(max_size=3), content=st.binary(max_size=50) | st.text("ab").map(str.encode))
def test_one_text_is_bytes_replace(old: bytes, new: bytes, content: bytes) -> None:
    assert replaced({old: new}, [content]) == content.replace(old, new)


@given(table=tables, content=st.text("abc", max_size=24).map(str.encode))
def test_less_than_the_longest_text_is_held_back(table: dict[bytes, bytes], content: bytes) -> None:
    replacing = Replacing(Replacements(table))
    for byte in content:
        replacing.feed(bytes((byte,)))
        assert len(replacing._held) < max(map(len, table))


@pytest.mark.parametrize(
    ("table", "content", "out"),
    [
        ({b"ab": b"1", b"abcd": b"2"}, b"abcabcd", b"1c2"),
        ({b"bc": b"1", b"abcd": b"2"}, b"abcabcd", b"a12"),
        ({b"aa": b"a"}, b"aaaaa", b"aaa"),
        ({b"a": b"b", b"b": b"a"}, b"aabb", b"bbaa"),
        ({b".": b"!"}, b"a.b*", b"a!b*"),
        ({b"a": b""}, b"aaa", b""),
    ],
)
def test_what_was_put_in_is_not_looked_at_again(
    table: dict[bytes, bytes], content: bytes, out: bytes
) -> None:
    assert replaced(table, [content]) == out


def test_only_what_may_become_a_text_is_held_back() -> None:
    replacing = Replacing(Replacements({b"</body>": b"x"}))
    assert replacing.feed(b"data: 1\n\n") == b"data: 1\n\n"
    assert replacing.feed(b"text </bo") == b"text "
    assert replacing.feed(b"ld>") == b"</bold>"
    assert replacing.feed(b"</body") == b""
    assert replacing.finish() == b"</body"


def test_chunk_without_a_text_is_the_same_object() -> None:
    chunk = b"nothing in here"
    assert Replacing(Replacements({b"xyz": b""})).feed(chunk) is chunk


def test_memory_does_not_grow_with_the_body() -> None:
    replacing = Replacing(Replacements({b"aaaaaaaab": b"x"}))
    tracemalloc.start()
    for _ in range(1000):
        replacing.feed(b"a" * 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000


@given(
    content=st.text("aあ表ァ\\", max_size=12),
    places=st.lists(st.integers(0, 30)),
    codec=st.sampled_from(
        ["cp932", "gb18030", "big5hkscs", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be"]
    ),
)
def test_O3_text_is_replaced_whole_in_every_encoding_and_for_every_split(
    content: str, places: list[int], codec: str
) -> None:
    # In Shift_JIS 表 ends with the byte of a backslash, and ァ begins with a byte that ends others.
    content = content.encode(codec, "ignore").decode(codec)
    replacing = ReplacingText(Replacements({"\\": "/", "あa": "b"}), codec)
    out = b"".join([*map(replacing.feed, cut(content.encode(codec), places)), replacing.finish()])
    assert out.decode(codec) == re.sub(r"\\|あa", lambda match: {"\\": "/", "あa": "b"}[match[0]], content)


def test_O3_character_that_never_comes_whole_is_not_lost() -> None:
    for codec, begun in (("cp932", b"a\x83"), ("utf-16-le", b"a\x00b"), ("euc_jp", b"\x8f\xb0")):
        replacing = ReplacingText(Replacements({"x": "y"}), codec)
        assert replacing.feed(begun) + replacing.finish() == begun
