"""``wsgikit demo``: the example gateway, with its backend in two processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from wsgikit.cli.serve import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGES = {
    "/": "the welcome page: a Router",
    "/flask/": "a Flask app: a form, and a cookie that counts your visits",
    "/django/": "a Django app",
    "/bottle/": "a Bottle app: a slow answer that arrives line by line",
    "/remote/": "an app in two other processes, balanced by ReverseProxy: reload, and it is the other's turn",
}


class DemoError(RuntimeError):
    """The demo cannot run here; the text says what is missing."""


def demo(*, host: str, port: int, threads: int, say: Callable[[str], object]) -> None:
    """Serve the example gateway until Ctrl-C, its backends beside it, and say what each page shows."""
    missing = [name for name in ("flask", "django", "bottle") if find_spec(name) is None]
    if missing:
        raise DemoError(f"the demo mounts {', '.join(missing)}: pip install '.[demo]'")
    sys.path.insert(0, str(gateway_folder()))
    with backend() as one, backend() as other:
        os.environ["GATEWAY_BACKEND"] = f"{one} {other}"
        from wsgi import application  # type: ignore[import-not-found]  # examples/gateway/wsgi.py

        def greet(line: str) -> None:
            address = line.split()[2].rstrip("/") if line.startswith("Serving") else ""
            say(line)
            if address:
                for path, text in PAGES.items():
                    say(f"  {address}{path:<10} {text}")
                say("Each request is logged below.")

        serve(application, host=host, port=port, threads=threads, say=greet)


def gateway_folder() -> Path:
    """Where the example gateway lies: in the checkout, or in the installed package."""
    package = Path(__file__).parent
    for folder in (package.parents[1] / "examples" / "gateway", package / "gateway"):
        if (folder / "wsgi.py").exists():
            return folder
    raise DemoError("the example gateway is not here; it is in the checkout's examples/gateway")


@contextmanager
def backend() -> Iterator[str]:
    """The example's backend in a process of its own, listening; gives its URL and ends it afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        command = [sys.executable, str(gateway_folder() / "backend.py"), str(listening.fileno())]
        process = subprocess.Popen(command, pass_fds=[listening.fileno()], start_new_session=True)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
