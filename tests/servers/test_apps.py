"""Ten ways of writing an app, mounted behind the layers most gateways have, under servers of different kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.apps import APPS, pages
from tests.servers.apps.questions import CLIENT, QUESTIONS, UPLOAD, Asked
from tests.servers.launch import SETUPS, Running, launch

GATEWAY = Path(__file__).parent / "apps"
# A server that buffers, one with threads in several processes, one in C, one in Rust.
SERVERS = ("waitress", "gunicorn-gthread", "uwsgi", "granian")


@pytest.fixture(scope="module", params=SERVERS)
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if reason := SETUPS[request.param].missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp(request.param)
    log = folder / "access.log"
    with launch(request.param, folder, module_folder=GATEWAY, env={"GATEWAY_LOG": str(log)}) as running:
        yield running


# What the server makes impossible: a server without write() hears of what is written when the app has returned.
IMPOSSIBLE = {("granian", "write", "its_stream_comes_chunk_by_chunk")}


@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_app_answers(gateway: Running, name: str, question: str) -> None:
    if (gateway.name, name, question) not in IMPOSSIBLE:
        QUESTIONS[question](Asked(APPS[name], gateway.port, f"/{name}"))


@pytest.mark.parametrize("name", [name for name, app in APPS.items() if not app.chunked])
def test_an_app_that_reads_by_length_has_an_upload_in_chunks_only_where_the_server_gives_it_one(
    gateway: Running, name: str
) -> None:
    ask = Asked(APPS[name], gateway.port, f"/{name}")
    try:
        answer = ask("POST", "/echo", iter([UPLOAD]), Content_Type="application/octet-stream").body
    except ConnectionError:  # the server hung up on what the app did not read
        answer = b""
    assert (answer == UPLOAD) == (gateway.name == "waitress")


@pytest.mark.parametrize("name", APPS)
def test_the_log_has_the_client_the_mount_the_status_and_the_size(gateway: Running, name: str) -> None:
    ask = Asked(APPS[name], gateway.port, f"/{name}")
    ask("GET", "/file?logged")
    line = gateway.log_line(f"/{name}/file?logged")
    assert line == f"{CLIENT} GET /{name}/file?logged 200 {pages.FILE.stat().st_size}"
