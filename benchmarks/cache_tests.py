"""Cache under the suite of cache-tests.fyi, beside what the suite's authors measured for other caches.

    npm install http-cache-tests
    python benchmarks/cache_tests.py node_modules/http-cache-tests

The suite's origin runs behind ``Cache(ReverseProxy(...))``, its client asks waitress. Printed are the tests passed of
those for shared caches, then what did not pass. Some of that is meant: the release on the registry (0.4.5) is older
than RFC 9111 and takes a malformed Age for stale, where the RFC has it ignored; it takes the 502 after a refusal to
serve stale for an answer from the cache, with every cache; its parts have a Content-Range that does not fit their body;
and what has to do with cookies is a policy here.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import waitress

from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.responses.cache.layer import Cache

KINDS = """
import(process.argv[1]).then(m => console.log(JSON.stringify(
  m.default.flatMap(s => s.tests.filter(t => !t.browser_only).map(t => [t.id, t.kind || 'required'])))))
"""


def main() -> None:
    suite = Path(sys.argv[1]).resolve()
    kinds = dict(json.loads(node(suite, "-e", KINDS, str(suite / "tests" / "index.mjs"))))
    results = {path.stem: json.loads(path.read_text()) for path in sorted((suite / "results").glob("*.json"))}
    results["wsgikit"] = run(suite)
    print(f"{'':16}" + "".join(f"{kind:>16}" for kind in ("required", "optimal")))
    for name, found in results.items():
        print(f"{name:16}" + "".join(f"{score(found, kinds, kind):>16}" for kind in ("required", "optimal")))
    for test, kind in kinds.items():
        outcome = results["wsgikit"].get(test)
        if outcome is not True and kind != "check":
            print(f"{kind:9} {test}: {outcome[1] if outcome else 'not run'}")


def score(found: dict[str, Any], kinds: dict[str, str], wanted: str) -> str:
    tests = [test for test, kind in kinds.items() if kind == wanted]
    return f"{sum(found.get(test) is True for test in tests)} of {len(tests)}"


def run(suite: Path) -> Any:
    origin_port, port = free_port(), free_port()
    settings = {
        "npm_config_protocol": "http",
        "npm_config_port": str(origin_port),
        "npm_config_pidfile": os.devnull,
    }
    command = ["node", "server/server.mjs"]
    with subprocess.Popen(command, cwd=suite, env=os.environ | settings, stdout=subprocess.PIPE) as origin:
        try:
            assert origin.stdout is not None
            origin.stdout.readline()  # "Listening on ..."
            app = Cache(ReverseProxy(f"http://127.0.0.1:{origin_port}"))
            server = waitress.create_server(app, host="127.0.0.1", port=port, threads=24)
            threading.Thread(target=server.run, daemon=True).start()
            asked = {
                "npm_config_base": f"http://127.0.0.1:{port}",
                "npm_config_id": "",
                "npm_package_config_id": "",
            }
            said = node(suite, "--no-warnings", "cli.mjs", **asked)
            return json.loads(said[said.index("{") :])
        finally:
            origin.terminate()


def node(suite: Path, *arguments: str, **environment: str) -> str:
    command = ["node", *arguments]
    done = subprocess.run(
        command, cwd=suite, env=os.environ | environment, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
