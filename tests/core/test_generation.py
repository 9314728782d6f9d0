"""Generations: another number in every process, told by the kernel or by the pid."""

from __future__ import annotations

import mmap
import os

import pytest

from wsgikit.core import generation

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded:DeprecationWarning"
)  # the test runner has threads


def in_a_child() -> tuple[int, int]:
    """The page and the generation that a forked process finds."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            found = bytes([generation.page[0] % 256, generation.generation() % 256, generation.page[0] % 256])
            os.write(writing, found)
        finally:
            os._exit(0)
    os.close(writing)
    before, made, after = os.read(reading, 3)
    os.close(reading)
    os.wait()
    assert made == after
    return before, made


@pytest.mark.skipif(not isinstance(generation.page, mmap.mmap), reason="this kernel wipes no page at a fork")
def test_a_child_finds_no_generation_and_makes_another() -> None:
    mine = generation.generation()
    assert mine == generation.generation() == generation.page[0]
    before, made = in_a_child()
    assert before == 0
    assert made not in (0, mine)
    assert generation.page[0] == mine


def test_where_the_kernel_wipes_nothing_the_pid_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "page", generation._Pids())
    assert generation.generation() == generation.page[0] == os.getpid()
    assert in_a_child()[1] != os.getpid() % 256
