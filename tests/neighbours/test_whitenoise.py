"""WhiteNoise inside our layers: its files, ranges and 304 arrive as it gives them, and are logged as they arrive."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from whitenoise import WhiteNoise

from tests.neighbours.scene import Closing, Log
from tests.servers.launch import SETUPS, Running, launch
from wsgikit import (
    CatchErrors,
    Compress,
    ConditionalGet,
    ETag,
    Head,
    Layer,
    Mount,
    Ranges,
    RemoveHeader,
    Rule,
    Rules,
    Stack,
)
from wsgikit.routing.conditions import Path as PathIs
from wsgikit.testing import call, lint
from wsgikit.testing.call import Result

CSS = b"body { color: #123456 }\n" * 200
PNG = bytes(range(256)) * 20
SCRIPT = b"var x = 1;\n" * 500

OURS = (Layer(CatchErrors), Layer(Head), Layer(Compress), Layer(ConditionalGet), Layer(Ranges), Layer(ETag))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    for name, content in (("site.css", CSS), ("pixel.png", PNG), ("packed.js", SCRIPT)):
        (folder / name).write_bytes(content)
    (folder / "packed.js.gz").write_bytes(gzip.compress(SCRIPT))
    return folder


class Site:
    """All of our layers that look at bodies around WhiteNoise, and the log outside of them."""

    def __init__(self, files: Path, *between: Layer) -> None:
        self.log = Log()
        noise = Layer(WhiteNoise, root=str(files), prefix="static")
        self.app = lint(Stack(self.log.layer, *OURS, *between, noise)(Closing()))

    def __call__(self, name: str, method: str = "GET", **headers: str) -> Result:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = call(self.app, method, f"/static/{name}", headers=sent)
        assert self.log.lines.pop() == f"{answer.status} {len(answer.body)}"
        return answer


@pytest.fixture
def site(files: Path) -> Site:
    return Site(files)


def test_a_file_arrives_with_its_head(site: Site) -> None:
    answer = site("pixel.png")
    assert answer.body == PNG
    assert answer.header("Content-Length") == str(len(PNG))
    assert answer.header("Cache-Control") == "max-age=60, public"
    assert answer.header("ETag") is not None


def test_a_file_that_it_has_packed_is_not_packed_again(site: Site) -> None:
    answer = site("packed.js", Accept_Encoding="gzip")
    assert answer.header("Content-Encoding") == "gzip"
    assert gzip.decompress(answer.body) == SCRIPT
    assert answer.header("Content-Length") == str(len(answer.body))


def test_a_file_that_it_has_not_packed_is_packed_by_us(site: Site) -> None:
    plain, packed = site("site.css"), site("site.css", Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body == CSS
    assert packed.header("ETag") == f"W/{plain.header('ETag')}"
    assert packed.header("Content-Length") is None


@pytest.mark.parametrize("headers", [{}, {"Accept_Encoding": "gzip"}])
def test_its_parts_are_left_as_they_are(site: Site, headers: dict[str, str]) -> None:
    answer = site("site.css", Range="bytes=5-9", **headers)
    assert answer.status == 206
    assert answer.body == CSS[5:10]
    assert answer.header("Content-Range") == f"bytes 5-9/{len(CSS)}"
    assert answer.header("Content-Encoding") is None


def test_several_parts_which_it_does_not_know_are_cut_by_us(site: Site) -> None:
    answer = site("pixel.png", Range="bytes=0-0,5-9")
    assert answer.status == 206
    assert str(answer.header("Content-Type")).startswith("multipart/byteranges")


def test_it_refuses_one_byte_and_does_not_know_if_range(site: Site) -> None:
    assert site("pixel.png", Range="bytes=0-0").status == 416
    assert site("pixel.png", Range="bytes=0-9", If_Range='"another"').status == 206


def test_both_are_right_where_ranges_are_kept_from_it(files: Path) -> None:
    site = Site(files, Layer(Rules, [Rule(PathIs(prefix="/static"), RemoveHeader("Range"))]))
    one = site("pixel.png", Range="bytes=0-0")
    assert (one.status, one.body) == (206, PNG[:1])
    assert site("pixel.png", Range="bytes=0-9", If_Range='"another"').status == 200


@pytest.mark.parametrize("weak", ["", "W/"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_client_that_has_the_file_gets_a_304(site: Site, weak: str, encoding: str) -> None:
    tag = f"{weak}{site('site.css').header('ETag')}"
    answer = site("site.css", If_None_Match=tag, Accept_Encoding=encoding)
    assert (answer.status, answer.body) == (304, b"")
    assert answer.header("Vary") == "Accept-Encoding"


def test_a_client_that_has_it_since_a_date_gets_a_304(site: Site) -> None:
    date = site("site.css").header("Last-Modified")
    assert site("site.css", If_Modified_Since=str(date)).status == 304


def test_head_has_the_length_of_the_file(site: Site) -> None:
    answer = site("pixel.png", "HEAD")
    assert (answer.header("Content-Length"), answer.body) == (str(len(PNG)), b"")


def test_what_it_does_not_have_is_the_apps(site: Site) -> None:
    assert site("nothing").body == b"".join(Closing())


def test_around_a_finished_stack_its_files_are_seen_by_none_of_our_layers(files: Path) -> None:
    log = Log()
    app = WhiteNoise(Stack(log.layer, Layer(Compress))(Closing()), root=str(files), prefix="static")
    assert call(app, path="/static/site.css", headers={"Accept-Encoding": "gzip"}).body == CSS
    assert log.lines == []
    call(app)
    assert len(log.lines) == 1


def test_under_a_mount_its_prefix_is_within_the_mount(files: Path) -> None:
    noise = WhiteNoise(Closing(), root=str(files), prefix="static")
    assert call(Mount({"/shop": noise}), path="/shop/static/pixel.png").body == PNG


APP = """
from whitenoise import WhiteNoise
from wsgikit import *

def app(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"nothing here"]

application = Stack(
    Layer(AccessLog, "%>s %B", to=LOG), Layer(Head), Layer(Compress), Layer(ConditionalGet), Layer(Ranges)
)(WhiteNoise(app, root=ROOT, prefix="static"))
"""


# Two that look for their own file wrapper to call sendfile, and one in C that does.
@pytest.fixture(scope="module", params=["gunicorn-gthread", "waitress", "uwsgi"])
def served(
    request: pytest.FixtureRequest, files: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    if reason := SETUPS[request.param].missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp(request.param)
    code = f"LOG, ROOT = {str(folder / 'access.log')!r}, {str(files)!r}\n{APP}"
    (folder / "wsgi.py").write_text(code)
    with launch(request.param, folder, module_folder=folder) as running:
        yield running


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [(200, {}, PNG), (206, {"Range": "bytes=250-299"}, PNG[250:300]), (206, {"Range": "bytes=-3"}, PNG[-3:])],
)
def test_under_a_server_with_a_file_wrapper(
    served: Running, status: int, headers: dict[str, Any], body: bytes
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    try:
        connection.request("GET", "/static/pixel.png", headers=headers)
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, body)
    finally:
        connection.close()
    assert served.log_line(f"{status} {len(body)}") == f"{status} {len(body)}"
