"""Status: one page, whole by itself, safe to look at, and live in a real browser."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.operations.serving import served
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.mounting.mount import Mount
from wsgikit.operations.stats import Stats
from wsgikit.operations.status.histogram import duration, histogram, short
from wsgikit.operations.status.layer import Status
from wsgikit.operations.status.sections import shown
from wsgikit.responses.cache.layer import Cache
from wsgikit.routing.route import Route
from wsgikit.routing.router import Router
from wsgikit.testing import ScriptedUpstream, call, cues, lint

pytestmark = pytest.mark.usefixtures("host")
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}
HOSTILE = "/<script>alert(1)</script>\"'&\x00\x1b[31m\u00e2\u0080\u00ae"


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def page(app: Any, **options: Any) -> str:
    answer = call(app, path="/-/status", environ=LOCAL, **options)
    assert (answer.status, answer.header("Content-Type")) == (200, "text/html; charset=utf-8")
    return answer.text


class Tags(html.parser.HTMLParser):
    """The elements of a page, with their attributes, and whether they are nested as they ought to be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_shows_workers_routes_latency_upstreams_and_failures() -> None:
    def failing(environ: Any, start_response: Any) -> list[bytes]:
        start_response("503 Service Unavailable", [])
        return []

    proxy = ReverseProxy("http://127.0.0.1:9")
    app = Status(
        Mount({"/": Router([Route("/users/<int:id>", hello), Route("/bad", failing)]), "/api": proxy})
    )
    call(app, path="/users/7")
    call(app, path="/bad")
    text = Tags(page(app)).text
    for words in (
        "Workers",
        "Latency",
        "Upstreams",
        "http://127.0.0.1:9",
        "Slowest requests",
        "GET /users/7",
    ):
        assert words in text
    assert "/api → ReverseProxy" in text
    assert "/users/<int:id> → " in text
    assert re.search(r"Last failed requests.*503GET /bad", text, re.DOTALL)


def test_upstreams_and_cache_are_shown_as_all_workers_have_counted_them() -> None:
    with ScriptedUpstream(cues.answer(200, [("Cache-Control", "max-age=60")], b"hello")) as upstream:
        app = Status(Cache(ReverseProxy(upstream.url)), service="test")
        for _ in range(3):
            assert call(app, path="/a").body == b"hello"
        gone = ReverseProxy("http://127.0.0.1:9", retry=None)
        assert call(Status(gone, service="test"), path="/b").status == 502
        answer = call(app, path="/-/status", query="json", environ=LOCAL)
    found = json.loads(answer.body)
    assert found["cache"] == {"hit": 2, "miss": 1}
    assert found["upstreams"][upstream.url]["requests"] == 1
    assert found["upstreams"]["http://127.0.0.1:9"]["failures"] == {"unreachable": 1}
    text = Tags(found["page"]).text
    assert f"{upstream.url}up01" in text  # state and in flight are known, and one request was counted
    assert "http://127.0.0.1:9––11unreachable 1" in text  # of a proxy that this app does not have
    assert "hit266.7 %" in text


def test_a_busy_worker_is_shown_with_what_it_does() -> None:
    def looking(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(Tags(page(app)).text)
        return hello(environ, start_response)

    seen: list[str] = []
    app = Status(looking, service="test")
    call(app, "POST", "/report?token=secret")
    assert "POST /report" in seen[0]
    assert "secret" not in seen[0]


def test_no_asset_is_loaded_and_only_its_own_style_and_script_may_run() -> None:
    app = Status(hello, service="test")
    answer = call(app, path="/-/status", environ=LOCAL)
    policy = answer.header("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        [inside] = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for tag, attributes in Tags(answer.text).tags:
        assert "src" not in attributes
        assert tag != "a"
        assert attributes.get("href", "data:,") == "data:,"
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_what_clients_send_is_text_and_nothing_else() -> None:
    def failing(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgikit.notes"]["route"] = HOSTILE
        start_response("500 Internal Server Error", [])
        return []

    app = Status(failing, service="test")
    call(app, environ={"PATH_INFO": HOSTILE, "REQUEST_METHOD": "<img>"})
    text = page(app)
    tags = [tag for tag, _ in Tags(text).tags]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;\\u0000\\u001b[31m\\u202e" in text
    assert not re.search(r"[^\n\x20-\U0010ffff]", text)


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_shown_in_printable_characters_without_markup(text: str) -> None:
    assert shown(text).isprintable()
    assert not set("<>\"'") & set(shown(text))


def test_json_is_given_by_query_or_accept() -> None:
    app = Status(hello, service="test")
    call(app)
    for options in ({"query": "json"}, {"headers": {"Accept": "application/json"}}):
        answer = call(app, path="/-/status", environ=LOCAL, **options)
        assert answer.header("Content-Type") == "application/json"
        found = json.loads(answer.body)
        assert (found["service"], found["requests"], found["workers"][0]["busy"]) == ("test", 1, False)
        assert "<h1>test</h1>" in found["page"]


def test_without_javascript_it_is_loaded_again() -> None:
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page(
        Status(hello, service="test")
    )


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("/caf\u00c3\u00a9", "/caf\u00e9"),  # a client's bytes, in WSGI's view
        ("/caf\u00e9/<page>", "/caf\u00e9/&lt;page&gt;"),  # a rule
        ("/\u4e2d", "/\u4e2d"),
        ("/\u00ff\u009b", "/\u00ff\\u009b"),  # bytes that are no UTF-8
    ],
)
def test_text_of_any_alphabet_can_be_read(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_options_of_layers_are_not_shown() -> None:
    class Secretive(Stats):
        """A layer with a password among its options."""

    app = Status(Secretive(hello, "/-/hunter2", service="test"), service="test")
    assert "Secretive" in page(app)
    assert "hunter2" not in page(app)


def test_a_tree_that_holds_itself_is_shown_once() -> None:
    mount = Mount({"/a": hello})
    mount["/b"] = mount
    assert page(Status(mount, service="test")).count("/a →") == 1


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("10.0.0.1", 404), ("", 404)])
def test_strangers_are_told_that_nothing_is_there(address: str, status: int) -> None:
    app = lint(Status(hello, service="test"))
    assert call(app, path="/-/status", environ={"REMOTE_ADDR": address}).status == status


def test_a_service_without_requests_has_a_page() -> None:
    text = Tags(page(Status(hello, service="test"))).text
    assert "1 workers" in text
    assert "Slowest" not in text


def test_the_histogram_has_a_bar_for_each_bucket() -> None:
    drawn = histogram([0, 5, 10, *[0] * 13])
    heights = re.findall(r'<rect [^>]* height="([0-9.]+)"', drawn)
    assert heights == ["0.0", "55.0", "110.0", *["0.0"] * 13]


def test_durations_and_numbers_are_said_as_people_say_them() -> None:
    told = [duration(value) for value in (0.0005, 0.0025, 1, 90, 600, 7200, 86400 * 3)]
    assert told == ["0.5 ms", "2.5 ms", "1 s", "90 s", "10 min", "2 h", "3 d"]
    assert [short(value) for value in (0, 950, 12345, 4.56e6, 7e9)] == ["0", "950", "12.3k", "4.56M", "7G"]


def test_a_real_browser_shows_it_and_keeps_it_live(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed: it comes with the system package chromium")
    with served("gunicorn-gthread", tmp_path) as up, up.waiting():
        up.get("/<script>document.title='stolen'</script>")
        run = subprocess.run(
            [
                *[browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
                *[
                    "--enable-logging=stderr",
                    "--window-size=1250,1500",
                    f"--user-data-dir={tmp_path}/profile",
                ],
                *["--virtual-time-budget=5000", f"--screenshot={tmp_path}/page.png", "--dump-dom"],
                f"http://127.0.0.1:{up.port}/-/status",
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    dom = run.stdout
    assert '<body class="live">' in dom  # the script has run, and has got what it asked for
    assert re.search(r'<b id="rate">[0-9.]+</b> per second', dom)  # twice
    assert "GET /wait" in dom
    assert "<title>test · status</title>" in dom
    assert "Content Security Policy" not in run.stderr
    assert (tmp_path / "page.png").stat().st_size > 10_000
