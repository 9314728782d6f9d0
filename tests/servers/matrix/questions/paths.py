"""Where a request goes: routes, mounts, hosts, and paths as clients write them."""

from __future__ import annotations

import json
from typing import Any

from tests.servers.matrix.ask import Ask
from tests.servers.matrix.client import request
from tests.servers.matrix.question import question

THEME = "Paths"


def told(ask: Ask, target: str, **more: Any) -> dict[str, Any]:
    """What an app tells of itself that answers as it should."""
    answer = ask(target, **more)
    assert answer.status == 200, answer
    document: dict[str, Any] = json.loads(answer.body)
    return document


@question(THEME, "routes")
def routes(ask: Ask) -> None:
    """The router finds the right page with its values; 404, 405 with Allow, OPTIONS and the slash's 308 are right."""
    assert told(ask, "/books/7?a=b")["values"] == {"number": "7"}
    assert told(ask, "/titles/seven")["app"] == "slug"
    assert told(ask, "/files/a/b/c")["values"] == {"rest": "a/b/c"}
    assert ask("/nothing").status == 404
    answer = ask("/books/7", "DELETE")
    assert (answer.status, set(answer.get("Allow").split(", "))) == (405, {"GET", "HEAD", "OPTIONS", "PUT"})
    assert ask("/books/7", "OPTIONS").status in (200, 204)
    answer = ask("/folder?a=b")
    assert (answer.status, answer.get("Location")) == (308, "/folder/?a=b")


@question(THEME, "mounts")
def mounts(ask: Ask) -> None:
    """Each mount sees its own SCRIPT_NAME and the rest in PATH_INFO, the longest mount wins, at its root as well."""
    place = {"query": "", "values": {}}
    assert told(ask, "/deep") == {"app": "deep", "script_name": "/deep", "path_info": "", **place}
    assert told(ask, "/deep/a/b") == {"app": "deep", "script_name": "/deep", "path_info": "/a/b", **place}
    assert told(ask, "/deep/er/") == {"app": "deeper", "script_name": "/deep/er", "path_info": "/", **place}
    assert told(ask, "/deep/ert")["app"] == "deep"
    assert told(ask, "/prefixed/inner/x")["script_name"] == "/prefixed/inner"
    assert told(ask, "/cascade/first/x")["path_info"] == "/x"
    assert ask("/cascade/page").text == "hello"
    assert told(ask, "/split/x")["app"] in ("left", "right")
    assert told(ask, "/mirror/x")["app"] == "mirrored"


@question(THEME, "rules")
def rules(ask: Ask) -> None:
    """Rules rewrite, redirect, deny, ask for a password and add headers."""
    found = told(ask, "/number/12")
    assert (found["app"], found["values"], found["query"]) == ("book", {"number": "12"}, "from=rule")
    answer = ask("/old/a%20b?q=1")
    assert (answer.status, answer.get("Location")) == (308, "/new/a%20b?q=1")
    assert ask("/secret/x").status == 403
    answer = ask("/staff/")
    assert answer.status == 401
    assert answer.get("WWW-Authenticate").startswith('Basic realm="staff"')
    login = (("Authorization", "Basic YW5uOm9mIHRoZSBob3VzZQ=="),)
    assert ask("/staff/", fields=login).text == "staff only"
    assert ask("/").get("X-Gateway") == "wsgikit"


@question(THEME, "hosts")
def hosts(ask: Ask) -> None:
    """Mounts and routes by host, by wildcard and by port; a host that nobody knows gets what any host gets."""
    assert told(ask, "/x", fields=(("Host", "admin.example"),))["app"] == "admin"
    assert told(ask, "/x", fields=(("Host", "ADMIN.example:99"),))["app"] == "admin"
    assert told(ask, "/api/x", fields=(("Host", "a.shops.example:8080"),))["app"] == "shop"
    assert ask("/api/x", fields=(("Host", "a.shops.example:8081"),)).status == 404
    assert told(ask, "/tenant", fields=(("Host", "blue.tenant.example"),))["values"] == {"name": "blue"}
    assert told(ask, "/", fields=(("Host", "unknown.example"),))["app"] == "home"


@question(THEME, "encoded paths")
def encoded(ask: Ask) -> None:
    """UTF-8, spaces and percent signs arrive decoded once; the query arrives as it was sent."""
    assert told(ask, "/caf%C3%A9/x")["app"] == "caf\u00e9"
    assert told(ask, "/files/%E2%82%AC%20100%25?q=%E2%82%AC")["query"] == "q=%E2%82%AC"
    assert told(ask, "/files/%E2%82%AC%20100%25")["values"] == {"rest": "\u20ac 100%"}
    assert told(ask, "/files/a%252Fb")["values"] == {"rest": "a%2Fb"}
    assert told(ask, "/files/a+b;c=d")["values"] == {"rest": "a+b;c=d"}


@question(THEME, "%2F")
def encoded_slash(ask: Ask) -> None:
    """An encoded slash is a slash in PATH_INFO, as CGI has it."""
    assert told(ask, "/deep/a%2Fb")["path_info"] == "/a/b"


@question(THEME, "bytes that are no UTF-8")
def not_utf_8(ask: Ask) -> None:
    """Bytes that are no UTF-8 arrive as PEP 3333's latin-1 view of them."""
    assert told(ask, "/deep/%E9%FF")["path_info"] == "/\xe9\xff"


@question(THEME, "hostile paths")
def hostile(ask: Ask) -> None:
    """Dot segments, NULs, line ends and odd targets reach nothing that they should not, nor the log's lines."""
    for target in (
        "/deep/../secret/x",
        "/deep/%2e%2e/secret/x",
        "/deep/..%2fsecret/x",
        "/../secret/x",
        "//secret/x",
    ):
        answer = ask(target)
        assert answer.status in (308, 400, 403, 404), (target, answer)
    for target in (
        "/deep/a%00b",
        "/deep/a%0d%0aX-Injected:%20yes",
        "/deep/%zz",
        "/deep/%",
        "/deep/a%5C..%5Cb",
    ):
        answer = ask(target)
        assert answer.status in (200, 400, 404), (target, answer)
        assert not answer.all("X-Injected")
    for target in ("*", "deep", "http://admin.example:1/x"):
        answer = ask.raw(request(target))
        assert answer.status in (200, 400, 404), (target, answer)
    log = ask.folder / "access.log"
    assert not any(line.startswith(b"X-Injected") or b"\0" in line for line in log.read_bytes().splitlines())
    assert told(ask, "/deep/still")["app"] == "deep"
