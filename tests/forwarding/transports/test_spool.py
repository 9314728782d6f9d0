from __future__ import annotations

from collections.abc import Iterator

import pytest

from wsgikit.core.input import BLOCK
from wsgikit.forwarding.errors import ClientGone
from wsgikit.forwarding.request import Request
from wsgikit.forwarding.transports.spool import MEMORY, measure
from wsgikit.forwarding.upload import Upload
from wsgikit.testing import build_environ


def request(upload: Upload) -> Request:
    return Request(build_environ(), "PUT", "/", upload=upload)


def test_a_body_of_known_length_is_not_touched() -> None:
    more = iter([b"abc"])
    asked = request(Upload(3, more=more))
    measure(asked)
    assert asked.more is more
    assert next(more) == b"abc"


def test_no_body_stays_none() -> None:
    asked = request(Upload(None))
    measure(asked)
    assert (asked.length, asked.body, asked.more) == (None, b"", None)


@pytest.mark.parametrize("blocks", [[], [b"abc"], [b"a" * 10, b"b"], [b"a" * (BLOCK - 1), b"b"]])
def test_a_small_body_is_whole_and_can_be_sent_again(blocks: list[bytes]) -> None:
    asked = request(Upload(None, more=iter(blocks)))
    assert not asked.replayable
    measure(asked)
    assert (asked.length, asked.body, asked.more) == (len(b"".join(blocks)), b"".join(blocks), None)
    assert asked.replayable


@pytest.mark.parametrize("count", [2, MEMORY // BLOCK, MEMORY // BLOCK + 3])
def test_a_long_body_is_read_to_its_end_and_comes_again_in_blocks(count: int) -> None:
    blocks = [bytes([number]) * BLOCK for number in range(count)] + [b"end"]
    asked = request(Upload(None, more=iter(blocks)))
    measure(asked)
    assert (asked.length, asked.body) == (count * BLOCK + 3, b"")
    assert asked.more is not None
    assert list(asked.more) == blocks
    assert list(asked.more) == []


def test_measuring_twice_is_measuring_once() -> None:
    asked = request(Upload(None, more=iter([b"a" * BLOCK, b"b"])))
    measure(asked)
    more = asked.more
    measure(asked)
    assert asked.more is more


def test_a_body_beyond_memory_is_in_a_file_that_goes_when_nobody_wants_it() -> None:
    # Warnings are errors here: a file that was not closed would be one.
    asked = request(Upload(None, more=iter([b"a" * BLOCK] * 20)))
    measure(asked)
    assert asked.more is not None
    assert next(asked.more) == b"a" * BLOCK
    asked.more = None


def test_a_body_that_breaks_off_leaves_nothing_behind() -> None:
    def broken() -> Iterator[bytes]:
        yield from [b"a" * BLOCK] * 20
        raise ClientGone("gone")

    with pytest.raises(ClientGone):
        measure(request(Upload(None, more=broken())))
