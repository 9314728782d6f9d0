from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.forwarding.discovery import LookupFailed
from wsgikit.forwarding.discovery import file as module
from wsgikit.forwarding.discovery.file import INTERVAL, File, read
from wsgikit.forwarding.upstream import Upstream


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "upstreams"
    file.write_text("http://10.0.0.1\n")
    return file


def urls(file: File) -> list[str]:
    return [one.url for one in file.look_up()[0]]


def test_each_line_is_an_upstream_with_its_options() -> None:
    text = """
    # of the shop

    http://10.0.0.1:8080
    http://10.0.0.2:8080/base  weight=2.5 max_connections=10   # the big one
    \tunix:/run/app#1.sock backup\r
    """
    assert read(text) == [
        Upstream("http://10.0.0.1:8080"),
        Upstream("http://10.0.0.2:8080/base", weight=2.5, max_connections=10),
        Upstream("unix:/run/app#1.sock", backup=True),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ftp://10.0.0.1", "url='ftp://10.0.0.1'"),
        ("http://10.0.0.1 weight", "'weight' will not do: weight=N"),
        ("http://10.0.0.1 weight=", "'weight=' will not do: weight=N"),
        ("http://10.0.0.1 weight=many", "'weight=many' will not do: weight=N"),
        ("http://10.0.0.1 weight=-1", "weight=-1"),
        ("http://10.0.0.1 weight=nan", "weight=nan"),
        ("http://10.0.0.1 max_connections=1.5", "max_connections=N"),
        ("http://10.0.0.1 max_connections=0", "max_connections=0"),
        ("http://10.0.0.1 backup=no", "backup alone"),
        ("http://10.0.0.1 wieght=2", "did you mean 'weight'?"),
        ("http://10.0.0.1 weight=2 weight=3", "weight is there twice"),
        ("http://10.0.0.1, http://10.0.0.2", "will not do"),
        ("http://10.0.0.1;", "will not do"),
        ("http://127.0.0.1", "is on line 1 already"),
        ("http://caf\xe9", "url="),
    ],
)
def test_a_bad_line_is_named_with_its_reason(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^line 3: .*" + re.escape(said)):
        read(f"http://127.0.0.1\n\n{line}\nhttp://10.0.0.9\n")


@given(st.text())
def test_any_text_is_a_list_or_a_reason(text: str) -> None:
    try:
        said = f"{len(read(text))} upstreams"
    except ValueError as error:
        said = str(error)
    assert re.match(r"line \d+: |no upstream|[1-9]\d* upstreams", said)


def test_a_change_is_seen_and_an_unchanged_file_is_not_read_again(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    monkeypatch.setattr(module, "time", lambda: listed.stat().st_ctime + 10.0)
    monkeypatch.setattr(module, "read", lambda text: reads.append(text) or read(text))
    file = File(str(listed))
    for _ in range(3):
        assert file.look_up() == ([Upstream("http://10.0.0.1")], INTERVAL)
    assert len(reads) == 1
    listed.write_text("http://10.0.0.1\nhttp://10.0.0.2\n")
    for _ in range(3):
        assert urls(file) == ["http://10.0.0.1", "http://10.0.0.2"]
    assert len(reads) == 2


def test_a_change_of_the_same_size_and_time_is_seen_while_the_file_is_fresh(listed: Path) -> None:
    file, before = File(str(listed)), listed.stat()
    assert urls(file) == ["http://10.0.0.1"]
    listed.write_text("http://10.0.0.2\n")
    os.utime(listed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert urls(file) == ["http://10.0.0.2"]


def test_a_file_renamed_over_it_is_seen(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", lambda: listed.stat().st_ctime + 10.0)
    file = File(str(listed))
    assert urls(file) == ["http://10.0.0.1"]
    new = listed.with_suffix(".new")
    new.write_text("http://10.0.0.2\n")
    os.utime(new, ns=(listed.stat().st_atime_ns, listed.stat().st_mtime_ns))
    new.replace(listed)
    assert urls(file) == ["http://10.0.0.2"]


def test_a_link_that_is_pointed_elsewhere_is_seen(listed: Path) -> None:
    """As Kubernetes does with what it mounts from a ConfigMap."""
    link, other = listed.with_name("current"), listed.with_name("other")
    link.symlink_to(listed)
    file = File(str(link))
    assert urls(file) == ["http://10.0.0.1"]
    other.write_text("http://10.0.0.2\n")
    link.with_suffix(".new").symlink_to(other)
    link.with_suffix(".new").replace(link)
    assert urls(file) == ["http://10.0.0.2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "no upstream in it"),
        (b"# nothing\n\n", "no upstream in it"),
        (b"http://10.0.0.1\nhttp://10.0.0.2 weight=x\n", "line 2: 'weight=x'"),
        (b"http://\xff\n", "line 1: "),
        (b"http://10.0.0.1\x00\n", "line 1: "),
    ],
)
def test_a_file_that_will_not_do_fails_each_time_until_it_does(
    listed: Path, content: bytes | None, said: str
) -> None:
    file = File(str(listed))
    file.look_up()
    listed.unlink() if content is None else listed.write_bytes(content)
    for _ in range(2):
        with pytest.raises(
            LookupFailed, match="^" + re.escape(f"{listed}: ") + ".*" + re.escape(said)
        ) as failed:
            file.look_up()
        assert failed.value.again == INTERVAL
    listed.write_text("http://10.0.0.3\n")
    assert urls(file) == ["http://10.0.0.3"]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(LookupFailed, match="not a file"):
            File(str(path)).look_up()


def test_a_byte_order_mark_is_no_part_of_the_first_url(listed: Path) -> None:
    listed.write_bytes("\ufeffhttp://10.0.0.4\r\n".encode())
    assert urls(File(str(listed))) == ["http://10.0.0.4"]


def test_a_relative_path_counts_from_where_it_was_made(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(listed.parent)
    file = File("upstreams")
    monkeypatch.chdir("/")
    assert urls(file) == ["http://10.0.0.1"]


def test_what_it_gives_is_the_callers_own(listed: Path) -> None:
    file = File(str(listed))
    file.look_up()[0].clear()
    assert urls(file) == ["http://10.0.0.1"]
