"""A process that forks while a proxy in it is in use. Run as: forking.py FORKS URL...; says "right" if all is."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from wsgikit.forwarding.balancing.sticky import Sticky
from wsgikit.forwarding.health.breaker import CircuitBreaker
from wsgikit.forwarding.health.checks import HealthCheck
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import call

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 20  # seconds until a child counts as hanging


def sockets() -> set[str]:
    """The sockets that this process has open, by their numbers."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(link))
        except FileNotFoundError:
            pass  # the listing itself, or closed since
    return {name for name in found if name.startswith("socket:")}


def workers() -> list[threading.Thread]:
    """The threads of the proxy's."""
    return [one for one in threading.enumerate() if one.name.startswith("wsgikit")]


def in_child(task: Callable[[], None]) -> None:
    """Do this in a child, which must come to its end."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        try:
            task()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"the child ended with {status}"


def ask(proxy: ReverseProxy, count: int = 1) -> None:
    for _ in range(count):
        assert call(proxy).status == 200


def child_has_all_of_its_own(proxy: ReverseProxy) -> None:
    ask(proxy, 50)
    before = sockets()
    ask(proxy, 200)
    kept, running = before & sockets(), workers()  # the sockets of checks come and go
    assert len(kept) == len(proxy.upstreams)
    assert running

    def child() -> None:
        assert not workers(), "none until they are of use"
        ask(proxy)
        assert workers()
        assert not kept & sockets(), "those of the parent are closed here"

    in_child(child)
    ask(proxy, 10)
    assert kept <= sockets(), "and open there as they were"
    assert set(running) & set(workers())


def child_waits_for_no_lock_of_the_parent(proxy: ReverseProxy) -> None:
    """Another thread is giving a connection back at the very moment of the fork, and is not there in the child."""
    pool = proxy._fleets.get().roster.backends[0].pool
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with pool._lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    held.wait()
    in_child(lambda: ask(proxy))
    over.set()
    thread.join()


def children_of_a_busy_process_never_hang(proxy: ReverseProxy, forks: int) -> None:
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            ask(proxy)

    busy = [threading.Thread(target=go_on, daemon=True) for _ in range(4)]
    for thread in busy:
        thread.start()
    for _ in range(forks):
        in_child(lambda: ask(proxy))
    assert all(thread.is_alive() for thread in busy)
    over.set()
    for thread in busy:
        thread.join(PATIENCE)


def main(forks: str, *urls: str) -> None:
    proxy = ReverseProxy(
        urls, health=HealthCheck(interval=60), breaker=CircuitBreaker(), sticky=Sticky("at", secret="s" * 32)
    )
    child_has_all_of_its_own(proxy)
    child_waits_for_no_lock_of_the_parent(proxy)
    children_of_a_busy_process_never_hang(proxy, int(forks))
    proxy.close()
    print("right")


if __name__ == "__main__":
    main(*sys.argv[1:])
