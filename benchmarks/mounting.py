"""What it costs to find the mounted app: Mount beside Werkzeug's DispatcherMiddleware and Paste's URLMap.

    python benchmarks/mounting.py

Each figure is the least of many rounds, the contestants taking turns within one run, with a request's whole environ
(40 keys) and an app that does nothing. Werkzeug and Paste move SCRIPT_NAME and PATH_INFO in the environ they are given,
so that theirs is put back between calls (the same two assignments for all); Mount copies it for the app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter_ns
from typing import Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from wsgikit.mounting.mount import Mount
from wsgikit.testing.environ import build_environ

try:
    from paste.urlmap import URLMap
except ImportError:
    URLMap = None

ROUNDS = 300
App = Callable[[dict[str, Any], Any], Iterable[bytes]]


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return ()


def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
    pass


def environ_of_a_browser(path: str) -> dict[str, Any]:
    environ = build_environ("GET", path, headers={"Host": "shop.example.com", "User-Agent": "Mozilla/5.0"})
    for number in range(40 - len(environ)):
        environ[f"HTTP_X_HEADER_{number}"] = "value"
    return environ


def dispatchers(mounts: int) -> dict[str, App]:
    keys = [f"/mount-{number}" for number in range(mounts)]
    made: dict[str, App] = {
        "Mount": Mount(dict.fromkeys(keys, app)),
        "Mount, with hosts": Mount({**dict.fromkeys(keys, app), "//*.example.org": app}),
        'Mount(cookies="scoped")': Mount(dict.fromkeys(keys, app), cookies="scoped"),
        "DispatcherMiddleware": DispatcherMiddleware(app, dict.fromkeys(keys, app)),  # type: ignore[dict-item]
    }
    if URLMap is not None:
        made["URLMap"] = URLMap()
        for key in keys:
            made["URLMap"][key] = app  # type: ignore[index]
    return made


def least(contestants: dict[str, App], path: str, calls: int = 50) -> dict[str, float]:
    """Microseconds for one call of each, at best."""
    best = dict.fromkeys(contestants, float("inf"))
    environ = environ_of_a_browser(path)
    for _ in range(ROUNDS):
        for name, contestant in contestants.items():
            started = perf_counter_ns()
            for _ in range(calls):
                environ["SCRIPT_NAME"] = ""
                environ["PATH_INFO"] = path
                contestant(environ, start_response)
            best[name] = min(best[name], (perf_counter_ns() - started) / calls / 1000)
    return best


def show(title: str, figures: dict[str, float]) -> None:
    print(title)
    for name, figure in figures.items():
        print(
            f"  {name:28} {figure:10.2f} µs {figure / figures['DispatcherMiddleware']:8.3g} x DispatcherMiddleware"
        )


def main() -> None:
    for mounts in (1, 10, 200, 1000):
        show(f"{mounts} mounts, /mount-0/post/5", least(dispatchers(mounts), "/mount-0/post/5"))
    show("200 mounts, /mount-199/x", least(dispatchers(200), "/mount-199/x"))
    show("200 mounts, /mount-199", least(dispatchers(200), "/mount-199"))
    show("200 mounts, /mount-199/a/b/c/d/e", least(dispatchers(200), "/mount-199/a/b/c/d/e"))
    global ROUNDS
    ROUNDS = 3
    two = {name: one for name, one in dispatchers(200).items() if name in ("Mount", "DispatcherMiddleware")}
    show("200 mounts, 60,000 slashes", least(two, "/" * 60_000, calls=1))
    show("200 mounts, 60,000 segments up and down", least(two, "/mount-0" + "/a/.." * 30_000, calls=1))


if __name__ == "__main__":
    main()
