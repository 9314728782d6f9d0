"""Where lines go, tried on real files and sockets."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from wsgikit.access import sinks
from wsgikit.access.queued import Queued
from wsgikit.access.sinks import opened


@pytest.mark.parametrize("name", ["stderr", "stdout"])
def test_a_stream_is_the_one_of_the_moment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = opened(name, None)
    for _ in range(2):
        stream = io.StringIO()
        monkeypatch.setattr(sys, name, stream)
        sink.write("a line")
        assert stream.getvalue() == "a line\n"


def test_a_stream_of_the_process_gets_each_line_in_one_piece_and_in_order() -> None:
    code = (
        "import sys, threading\n"
        "from wsgikit.access.sinks import opened\n"
        "sink = opened('stdout', None)\n"
        "print('before, without an end', end=' ')\n"
        "sink.write('first')\n"
        "work = lambda name: [sink.write(name * size) for size in (4_000, 100) * 20]\n"
        "threads = [threading.Thread(target=work, args=(name,)) for name in 'abcd']\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "sink.write('x' * 100_000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    first, *lines = done.stdout.splitlines()
    assert first == "before, without an end first"
    assert sorted(lines[:-1]) == sorted(name * size for name in "abcd" for size in (4_000, 100) * 20)
    assert lines[-1] == "x" * 100_000


def test_a_stream_in_memory_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.TextIOWrapper(io.BytesIO()), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        opened("stderr", None).write("a line")
        stream.seek(0)
        assert stream.read() == "a line\n"


def test_a_stream_that_is_not_there_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    opened("stderr", None).write("a line")


def test_a_callable_is_given_each_line() -> None:
    lines: list[str] = []
    opened(lines.append, None).write("a line")
    assert lines == ["a line"]


def test_a_logger_is_told_at_info(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "shop.access"):
        opened("logger:shop.access", None).write("100% of %s")
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("shop.access", "INFO", "100% of %s")
    ]


# --- files


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("before\n")
    for to in (str(path), path):
        opened(to, None).write("a \ud800 line")
    assert path.read_text() == "before\n" + "a \\ud800 line\n" * 2


def test_a_file_is_made_with_the_first_line_and_not_before(tmp_path: Path) -> None:
    sink = opened(tmp_path / "access.log", None)
    assert not (tmp_path / "access.log").exists()
    sink.write("a line")
    assert (tmp_path / "access.log").read_text() == "a line\n"


def test_a_file_is_opened_again_when_it_was_rotated_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(sinks, "monotonic", lambda: now[0])
    path, old = tmp_path / "access.log", tmp_path / "access.log.1"
    sink = opened(path, None)
    sink.write("1")
    path.rename(old)
    now[0] += 0.5
    sink.write("2")
    now[0] += 0.6
    sink.write("3")
    assert (old.read_text(), path.read_text()) == ("1\n2\n", "3\n")
    path.unlink()
    now[0] += 2
    sink.write("4")
    assert path.read_text() == "4\n"


@pytest.mark.parametrize("to", ["stdout", "access.log"])
def test_a_line_that_a_full_disk_cut_short_spoils_no_other(to: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: both take a part of what is written without a word."""
    code = (
        "import resource, sys\n"
        "from wsgikit.access.sinks import opened\n"
        "sink = opened(sys.argv[1], None)\n"
        "most = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, most[1]))\n"
        "for line in ('first', 'second', 'third'):\n"
        "    try: sink.write(line)\n"
        "    except OSError: print(line, 'is lost', file=sys.stderr)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, most)\n"
        "sink.write('fourth')\n"
        "sink.write('fifth')\n"
    )
    path = tmp_path / "access.log"
    with (path if to == "stdout" else tmp_path / "out").open("wb") as out:
        target = to if to == "stdout" else str(path)
        done = subprocess.run(
            [sys.executable, "-c", code, target],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
            timeout=30,
        )
    assert done.stderr.splitlines() == ["second is lost", "third is lost"]
    assert path.read_text().splitlines() == ["first", "seco", "fourth", "fifth"]


def test_a_named_pipe_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    sink = opened(path, None)
    with pytest.raises(OSError, match="No such device"):
        sink.write("lost")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        sink.write("a line")
        assert os.read(reader, 100) == b"a line\n"
    finally:
        os.close(reader)


def test_threads_that_write_first_at_once_open_one_file(tmp_path: Path) -> None:
    def write() -> None:
        barrier.wait(10)
        sink.write("a line")

    before = len(os.listdir("/proc/self/fd"))
    sinks_ = []
    for number in range(20):
        sink, barrier = opened(tmp_path / str(number), None), threading.Barrier(4)
        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (tmp_path / str(number)).read_text() == "a line\n" * 4
        sinks_.append(sink)
    assert len(os.listdir("/proc/self/fd")) == before + 20


def test_a_folder_that_went_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(sinks, "monotonic", lambda: now[0])
    folder = tmp_path / "logs"
    folder.mkdir()
    sink = opened(folder / "access.log", None)
    sink.write("1")
    folder.rename(tmp_path / "gone")
    now[0] += 2
    sink.write("2")
    assert (tmp_path / "gone" / "access.log").read_text() == "1\n2\n"


def test_processes_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    sink = opened(path, None)
    sink.write("parent")
    children = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            try:
                for _ in range(200):
                    sink.write(str(number) * 300)
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    lines = path.read_text().splitlines()
    assert len(lines) == 601
    assert all(re.fullmatch(r"parent|0{300}|1{300}|2{300}", line) for line in lines)


@pytest.mark.parametrize("name", ["log", "logs", "stderr.log", "stdout.log", "std", "a:b"])
def test_a_file_may_have_a_name_that_is_near_a_word(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened(name, None).write("a line")
    assert (tmp_path / name).read_text() == "a line\n"


@pytest.mark.parametrize(
    ("to", "error", "said"),
    [
        ("stdrr", ValueError, "did you mean 'stderr'"),
        ("Stdout", ValueError, "did you mean 'stdout'"),
        ("sylog:shop", ValueError, "did you mean 'syslog:'"),
        ("syslog", ValueError, "did you mean 'syslog:'"),
        ("loger:shop.access", ValueError, "did you mean 'logger:'"),
        ("", ValueError, "to=''"),
        ("/nowhere/at/all/access.log", ValueError, "a folder that exists"),
        ("/", ValueError, "a folder that exists"),
        (None, TypeError, "to=None"),
        (7, TypeError, "or a callable given each line"),
    ],
)
def test_a_wrong_sink_is_named(to: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        opened(to, None)


# --- the queue


def test_a_queue_writes_in_order_in_another_thread() -> None:
    lines: list[tuple[str, str]] = []
    done = threading.Event()

    def write(line: str) -> None:
        lines.append((line, threading.current_thread().name))
        if line == "9":
            done.set()

    sink = opened(write, 100)
    for number in range(10):
        sink.write(str(number))
    assert done.wait(10)
    assert lines == [(str(number), "wsgikit-log") for number in range(10)]


def test_a_full_queue_drops_and_counts_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    entered, go_on, lines = threading.Event(), threading.Event(), []

    def slow(line: str) -> None:
        entered.set()
        go_on.wait(10)
        lines.append(line)

    sink = Queued(slow, 3)
    sink.write("in work")
    assert entered.wait(10)
    for number in range(5):
        sink.write(str(number))
    assert sink.dropped == 2
    (record,) = caplog.records
    assert (
        record.getMessage()
        == "access log: lines are being lost, 1 so far: 3 lines wait to be written already"
    )
    go_on.set()
    del sink  # ends the thread, after what waits is written
    assert lines == ["in work", "0", "1", "2"]


def test_a_queue_survives_a_sink_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    lines: list[str] = []

    def shaky(line: str) -> None:
        if line == "bad":
            raise OSError("full")
        lines.append(line)

    with caplog.at_level(logging.WARNING, "wsgikit.access"):
        sink = Queued(shaky, 10)
        lost = sink._lost
        for line in ("a", "bad", "bad", "b"):
            sink.write(line)
        del sink
    assert lost.lines == 2
    assert lines == ["a", "b"]
    assert len(caplog.records) == 1


def test_what_waits_is_written_when_the_process_ends(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from wsgikit.access.sinks import opened\n"
        "sink = opened(sys.argv[1], 1000)\n"
        "for number in range(500): sink.write(str(number))\n"
    )
    path = tmp_path / "access.log"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=30)
    assert path.read_text().split() == [str(number) for number in range(500)]


def test_a_queue_made_before_gevents_patching_halts_nobody(tmp_path: Path) -> None:
    """gunicorn's gevent worker with --preload: the app is imported, the process forks, and only then patches."""
    pytest.importorskip("gevent")
    code = (
        "import sys\n"
        "from wsgikit.access.sinks import opened\n"
        "sink = opened(sys.argv[1], 1000)\n"
        "from gevent import monkey; monkey.patch_all()\n"
        "import gevent\n"
        "sink.write('1')\n"
        "with gevent.Timeout(10):\n"
        "    while not open(sys.argv[1], 'a+').tell(): gevent.sleep(0.01)\n"
        "sink.write('2')\n"
    )
    path = tmp_path / "access.log"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(path)], check=True, timeout=30)
    assert path.read_text().split() == ["1", "2"]


def test_a_child_starts_a_thread_of_its_own(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from wsgikit.access.sinks import opened\n"
        "sink = opened(sys.argv[1], 1000)\n"
        "sink.write('parent')\n"
        "child = os.fork()\n"
        "sink.write('child' if child == 0 else 'parent')\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
    )
    path = tmp_path / "access.log"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=30)
    assert sorted(path.read_text().split()) == ["child", "parent", "parent"]
