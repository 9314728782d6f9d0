"""Stats: uWSGI's schema, to whoever may see it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from wsgikit.access.trust import TrustedProxies
from wsgikit.mounting.mount import Mount
from wsgikit.operations.stats import Stats
from wsgikit.testing import call, lint

pytestmark = pytest.mark.usefixtures("host")
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def read(app: Any, **environ: Any) -> dict[str, Any]:
    answer = call(app, path="/-/stats", environ={**LOCAL, **environ})
    assert (answer.status, answer.header("Content-Type")) == (200, "application/json")
    document: dict[str, Any] = json.loads(answer.body)
    return document


def test_it_has_every_field_of_uwsgis_stats_server() -> None:
    app = Stats(hello, service="test")
    call(app)
    document = read(app)
    top = "version listen_queue listen_queue_errors signal_queue load pid uid gid cwd locks sockets workers"
    assert set(top.split()) <= set(document)
    [worker] = document["workers"]
    fields = """id pid accepting requests delta_requests exceptions harakiri_count signals signal_queue status rss vsz
        running_time last_spawn respawn_count tx avg_rt apps cores"""
    assert set(fields.split()) <= set(worker)
    core = """id requests static_requests routed_requests offloaded_requests write_errors read_errors in_request vars
        req_info"""
    assert set(core.split()) <= set(worker["cores"][0])
    assert (worker["id"], worker["pid"], worker["requests"], worker["tx"]) == (1, os.getpid(), 1, 5)
    assert (worker["status"], worker["respawn_count"], document["cwd"]) == ("idle", 1, os.getcwd())
    assert worker["rss"] > 1_000_000


def test_a_busy_worker_is_seen_with_what_it_does() -> None:
    def looking(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(read(app))
        return hello(environ, start_response)

    seen: list[dict[str, Any]] = []
    app = Stats(looking, service="test")
    call(app, "PUT", "/report?token=secret", headers={"Cookie": "secret"})
    [worker] = seen[0]["workers"]
    assert worker["status"] == "busy"
    assert worker["cores"][0]["vars"] == ["REQUEST_METHOD=PUT", "PATH_INFO=/report", ""]
    assert worker["cores"][0]["in_request"] == 1
    assert "secret" not in json.dumps(seen)


def test_it_tells_of_upstreams_and_cache_what_uwsgi_does_not() -> None:
    def noting(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgikit.notes"].update(
            upstream="http://a", retries=1, upstream_time=0.5, upstream_error="timeout", cache="miss"
        )
        return hello(environ, start_response)

    app = Stats(noting, service="test")
    call(app)
    ours = read(app)["wsgikit"]
    assert ours["upstreams"] == {
        "http://a": {"requests": 1, "failures": {"timeout": 1}, "retries": 1, "seconds": 0.5}
    }
    assert ours["cache"] == {"miss": 1}


def test_hostile_bytes_in_a_path_leave_it_readable() -> None:
    def looking(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(read(app))
        return hello(environ, start_response)

    seen: list[dict[str, Any]] = []
    app = Stats(looking, service="test")
    path = '/\x00\x1b"\\\n\xff</script>'
    call(app, environ={"PATH_INFO": path, "REQUEST_METHOD": "G\x01T"})
    assert seen[0]["workers"][0]["cores"][0]["wsgikit"]["path"] == path


def test_its_own_requests_are_not_counted_also_where_layers_are_stacked() -> None:
    app = Stats(Stats(hello, "/-/inner", service="test"), service="test")
    for path in ("/-/stats", "/-/inner", "/-/stats"):
        call(app, path=path, environ=LOCAL)
    assert [worker["requests"] for worker in read(app)["workers"]] == [0]
    call(app, environ=LOCAL)
    assert read(app)["workers"][0]["requests"] == 1


@pytest.mark.parametrize(
    ("allow", "address", "status"),
    [
        ("loopback", "127.0.0.1", 200),
        ("loopback", "::1", 200),
        ("loopback", "10.0.0.1", 404),
        ("loopback", "203.0.113.9", 404),
        ("loopback", "", 404),
        ("loopback", None, 404),
        ("loopback", "localhost.evil", 404),
        ("unix", "", 200),
        (["loopback", "203.0.113.0/24"], "203.0.113.9", 200),
        ((), "127.0.0.1", 404),
    ],
)
def test_who_is_not_allowed_is_told_that_nothing_is_there(
    allow: Any, address: str | None, status: int
) -> None:
    app = Stats(hello, allow=allow, service="test")
    assert call(app, path="/-/stats", environ={"REMOTE_ADDR": address}).status == status


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_a_proxy_on_this_host_lets_nobody_in(header: str) -> None:
    value = "for=127.0.0.1" if header == "Forwarded" else "127.0.0.1"
    app = Stats(hello, service="test")
    answer = call(app, path="/-/stats", headers={header: value}, environ=LOCAL)
    assert answer.status == 404


@pytest.mark.parametrize(("client", "status"), [("127.0.0.1", 200), ("203.0.113.9", 404)])
def test_behind_trusted_proxies_the_verified_client_counts(client: str, status: int) -> None:
    app = TrustedProxies(Stats(hello, service="test"), ["loopback"])
    answer = call(app, path="/-/stats", headers={"X-Forwarded-For": client}, environ=LOCAL)
    # A chain that is loopback all along was made on this host.
    assert answer.status == status


def test_it_only_reads() -> None:
    app = lint(Stats(hello, service="test"))
    answer = call(app, "POST", "/-/stats", environ=LOCAL)
    assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD")
    answer = call(app, "HEAD", "/-/stats", environ=LOCAL)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Cache-Control") == "no-store"


def test_it_moves_with_its_mount_point() -> None:
    app = Mount({"/shop": Stats(hello, service="test")})
    assert call(app, path="/shop/-/stats", environ=LOCAL).header("Content-Type") == "application/json"
    assert call(app, path="/-/stats", environ=LOCAL).status == 404


def test_the_service_is_the_projects_folder_or_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Stats(hello).service == os.path.basename(os.getcwd())
    monkeypatch.setenv("WSGIKIT_SERVICE", "shop")
    assert Stats(hello).service == "shop"
    assert Stats(hello, service="blog").service == "blog"


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match=r"Stats: path='stats' will not do: .*begins with a slash"):
        Stats(hello, "stats")
    with pytest.raises(TypeError, match="Stats: path=7"):
        Stats(hello, 7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Stats: allow='loopbak'.*did you mean 'loopback'"):
        Stats(hello, allow="loopbak")
    with pytest.raises(ValueError, match="Stats: service='a/b'"):
        Stats(hello, service="a/b")


def test_it_answers_although_the_folder_it_was_started_in_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that was swept up after the next was deployed, while its last workers serve."""
    release = tmp_path / "release"
    release.mkdir()
    monkeypatch.chdir(release)
    app = Stats(hello, service="test")
    release.rmdir()
    assert read(app)["cwd"] == ""
