"""examples/production: gunicorn and uWSGI behind nginx, with the files that stand there, asked over real sockets."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from http.client import HTTPConnection

import pytest

from tests.examples.production import CLIENT, COMMANDS, HOST, Answer, Service, exchange, service
from tests.servers.launch import PATIENCE, awaited
from wsgikit.testing import ScriptedUpstream, cues

MIB = 1 << 20
STRANGER = "203.0.113.9"
STOPPING = re.compile("Handling signal: term|graceful shutdown triggered")


@pytest.fixture(scope="module")
def legacy() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


Start = Callable[..., AbstractContextManager[Service]]


@pytest.fixture(scope="module", params=COMMANDS)
def start(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    program: Callable[[str, str], str],
    legacy: ScriptedUpstream,
) -> Start:
    """Starts the service under one server and behind nginx, with what is given in the server's environment."""
    server: str = request.param
    program(server, {"uwsgi": "pyuwsgi"}.get(server, server))
    nginx = program("nginx", "nginx-light")

    def started(**environ: str) -> AbstractContextManager[Service]:
        folder = tmp_path_factory.mktemp("p")  # short: a socket's path has 107 characters at most
        return service(server, folder, nginx, GATEWAY_LEGACY=legacy.url, **environ)

    return started


@pytest.fixture(scope="module")
def gateway(start: Start) -> Iterator[Service]:
    with start() as running:
        yield running


def test_app_and_log_know_who_asks_and_how(gateway: Service) -> None:
    told = gateway.ask("GET", "/whoami?identity").json()
    assert told["client"] == CLIENT
    assert told["url"] == f"https://{HOST}:{gateway.tls}/whoami"
    entry = gateway.logged("identity")
    assert entry["client.address"] == CLIENT
    assert entry["network.peer.address"] in ("", "0.0.0.0")
    assert entry["request.id"] == told["request_id"]


def test_what_a_client_writes_itself_is_not_believed(gateway: Service) -> None:
    forged = {
        "X_Forwarded_For": "203.0.113.9, 127.0.0.1",
        "X_Forwarded_Proto": "javascript",
        "X_Forwarded_Host": "evil.example",
        "X_Forwarded_Port": "1",
        "X_Forwarded_Prefix": "/evil",
        "Forwarded": "for=203.0.113.9;host=evil.example",
        "X_Request_Id": "chosen-by-the-client",
    }
    told = gateway.ask("GET", "/whoami?forged", **forged).json()
    assert told["client"] == CLIENT
    assert told["url"] == f"https://{HOST}:{gateway.tls}/whoami"
    assert told["request_id"] != "chosen-by-the-client"
    assert gateway.logged("forged")["client.address"] == CLIENT


def test_the_log_line_has_memory_upstream_and_no_secret(gateway: Service, legacy: ScriptedUpstream) -> None:
    answer = gateway.ask("GET", "/legacy/orders?logged&token=s3cret")
    assert answer.status == 200
    entry = gateway.logged("logged")
    assert entry["upstream"] == legacy.url
    assert entry["http.response.body.size"] == len(answer.body)
    assert 2 * MIB < entry["process.memory.usage"] < 512 * MIB
    assert "s3cret" not in str(entry)


def test_the_backend_is_told_the_verified_client(gateway: Service) -> None:
    headers = dict(gateway.ask("GET", "/legacy/", X_Forwarded_For=STRANGER).json()["headers"])
    assert headers["X-Forwarded-For"] in (CLIENT, f"{CLIENT}, 0.0.0.0")  # uWSGI's peer has an address
    assert headers["X-Forwarded-Proto"] == "https"


def nginx_line(gateway: Service, end: str) -> str:
    lines = gateway.nginx_log.read_text().splitlines()
    return next((line for line in lines if line.endswith(f" {end}")), "")


def test_nginx_and_the_app_log_a_request_under_one_id(gateway: Service) -> None:
    number = gateway.ask("GET", "/?both").headers["X-Request-Id"]
    assert gateway.logged("both")["request.id"] == number
    assert '"GET /?both HTTP/1.1" 200' in awaited(lambda: nginx_line(gateway, number), "line of nginx'")


def test_every_answer_is_secured_and_text_is_compressed(gateway: Service) -> None:
    answer = gateway.ask("GET", "/", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert "max-age" in gateway.ask("GET", "/nothing").headers["Strict-Transport-Security"]


def test_an_error_is_answered_and_logged_once_and_tells_nothing(gateway: Service) -> None:
    answer = gateway.ask("GET", "/broken?error")
    assert answer.status == 500
    assert b"as asked for" not in answer.body
    entry = gateway.logged("/broken")
    assert (entry["http.response.status_code"], entry["error.type"]) == (500, "LookupError")
    assert gateway.output.read_text().count("LookupError: as asked for") == 1


def test_an_upload_over_the_limit_is_a_413(gateway: Service) -> None:
    assert gateway.ask("POST", "/upload", b"x" * (10 * MIB)).body == b"10485760 bytes\n"
    assert gateway.ask("POST", "/upload", b"x" * (10 * MIB + 1)).status == 413
    assert gateway.ask("POST", "/upload", (b"x" * MIB for _ in range(11))).status == 413


def test_so_it_is_past_nginx_and_with_a_reason_and_a_line(gateway: Service) -> None:
    answer = gateway.ask_as_nginx("/upload?large", "POST", Content_Length=str(10 * MIB + 1))
    assert answer.status == 413
    assert b"10485760 bytes at most" in answer.body
    assert gateway.logged("large")["refused"] == "BodyLimit"


def test_a_head_over_the_limit_is_a_431_with_a_line(gateway: Service) -> None:
    assert gateway.ask("GET", "/?longhead", Cookie="x" * 9000).status == 431
    assert gateway.logged("longhead")["refused"] == "HeaderLimit"


def test_logins_are_counted_by_client_over_all_workers(gateway: Service) -> None:
    statuses = [gateway.ask("POST", "/login").status for _ in range(13)]
    assert statuses[:10] == [404] * 10
    assert 429 in statuses[10:]  # the first or the second of them, if a new minute has begun in between


def test_maintenance_is_a_switch_and_operators_stay_in(gateway: Service) -> None:
    switch = gateway.run / "maintenance"
    switch.touch()
    try:
        assert gateway.ask_as_nginx("/", X_Forwarded_For=STRANGER).status == 503
        assert gateway.ask("GET", "/").status == 200
    finally:
        switch.unlink()
    assert gateway.ask_as_nginx("/", X_Forwarded_For=STRANGER).status == 200


def test_drained_it_is_not_ready_lives_and_answers(gateway: Service) -> None:
    assert gateway.ask_here("/readyz").status == 200
    switch = gateway.run / "drain"
    switch.touch()
    try:
        assert gateway.ask_here("/readyz").status == 503
        assert gateway.ask_here("/livez").status == 200
        assert gateway.ask("GET", "/").status == 200
    finally:
        switch.unlink()
    assert gateway.ask_here("/readyz").status == 200


def test_operators_see_stats_metrics_and_status_and_strangers_none(gateway: Service) -> None:
    for path, sign in (
        ("/-/stats", b'"workers"'),
        ("/metrics", b"http_requests_total"),
        ("/-/status", b"<html"),
    ):
        assert sign in gateway.ask_here(path).body
        assert gateway.ask_as_nginx(path, X_Forwarded_For=STRANGER).status == 404


def test_http_is_sent_to_https(gateway: Service) -> None:
    with closing(HTTPConnection("127.0.0.1", gateway.plain, timeout=PATIENCE)) as connection:
        answer = exchange(connection, "GET", "/a?b", None, {"Host": HOST})
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{HOST}/a?b")


@contextmanager
def clients(service: Service) -> Iterator[list[Answer]]:
    """Four that ask without a pause, and what they were answered other than 200. nginx sends nothing twice."""
    enough, failures = threading.Event(), list[Answer]()

    def ask() -> None:
        while not enough.is_set():
            answer = service.ask_here("/whoami")
            if answer.status != 200:
                failures.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def lives(service: Service) -> int:
    """How many workers there have been."""
    number: int = service.stats()["wsgikit"]["lives"]
    return number


def test_workers_are_replaced_and_no_request_is_lost(start: Start) -> None:
    with start(GATEWAY_REQUESTS="40", GATEWAY_MIN_AGE="0s") as service, clients(service) as failures:
        awaited(lambda: "yes" if lives(service) >= 6 else "", "four workers replaced")
    assert failures == []


@pytest.mark.parametrize("start", ["gunicorn"], indirect=True)  # uWSGI has the app from before the fork
def test_a_reload_brings_new_workers_and_loses_no_request(start: Start) -> None:
    """ExecReload= of the unit."""
    with start() as service:
        awaited(lambda: "yes" if lives(service) >= 2 else "", "both workers")
        with clients(service) as failures:
            service.process.send_signal(signal.SIGHUP)
            awaited(lambda: "yes" if lives(service) >= 4 else "", "two new workers")
    assert failures == []


def test_a_stop_lets_a_request_end(start: Start, legacy: ScriptedUpstream) -> None:
    go, answers = threading.Event(), list[Answer]()
    with start() as service:
        legacy.play([cues.answer(body=(b"begun, ", go, b"and done"))])
        seen = len(legacy.requests)
        client = threading.Thread(target=lambda: answers.append(service.ask("GET", "/legacy/slow")))
        client.start()
        legacy.wait_for(lambda: len(legacy.requests) > seen, PATIENCE)
        service.process.send_signal(signal.SIGTERM)
        awaited(lambda: "yes" if STOPPING.search(service.output.read_text()) else "", "sign of stopping")
        go.set()
        client.join()
        assert service.process.wait(PATIENCE) == 0
    legacy.play(None)
    assert [answer.body for answer in answers] == [b"begun, and done"]
