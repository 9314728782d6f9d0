from __future__ import annotations

import subprocess
import sys
import threading

from wsgikit.operations.stacks import placing, stack

GREENLETS = """
from gevent import monkey; monkey.patch_all()
import gevent, gevent.event
from wsgikit.operations.stacks import placing, stack

place, places, go_on = placing(), [], gevent.event.Event()

def waits_in_a_greenlet(number):
    places.append(place())
    go_on.wait()

waiting = [gevent.spawn(waits_in_a_greenlet, number) for number in range(2)]
gevent.sleep(0)
assert places[0] != places[1], places
assert "in waits_in_a_greenlet" in stack(places[0]), stack(places[0])
go_on.set()
gevent.joinall(waiting)
assert stack(places[0]) == ""
"""


def test_a_thread_is_seen_where_it_waits_and_not_after_its_end() -> None:
    inside, go_on = threading.Event(), threading.Event()
    places = []

    def waits_here() -> None:
        places.append(placing()())
        inside.set()
        go_on.wait(30)

    thread = threading.Thread(target=waits_here)
    thread.start()
    assert inside.wait(30)
    seen = stack(places[0])
    go_on.set()
    thread.join(30)
    assert "in waits_here\n    go_on.wait(30)\n" in seen
    assert stack(places[0]) == ""


def test_a_greenlet_is_seen_apart_from_the_others_of_its_thread() -> None:
    subprocess.run([sys.executable, "-c", GREENLETS], check=True)


def test_names_that_hold_controls_are_escaped() -> None:
    code = compile("seen = stack(place())", "a\x1b[31m\r\nb\u2028", "exec")
    scope = {"stack": stack, "place": placing()}
    exec(code, scope)
    assert r"a\x1b[31m\r" in str(scope["seen"])
    assert r"b\u2028" in str(scope["seen"])
    assert set(str(scope["seen"])) & set("\x1b\r\u2028") == set()
