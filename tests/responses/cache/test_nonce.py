"""Pages with the nonce of one request are not kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.responses.cache.scene import Scene, hit
from wsgikit.responses.cache.nonce import NonceSearch
from wsgikit.responses.heads.security import SecurityHeaders
from wsgikit.testing import call


@given(st.lists(st.binary(max_size=9), max_size=6), st.integers(0, 40), st.integers(1, 6))
def test_a_nonce_is_found_however_the_body_is_cut(chunks: list[bytes], at: int, step: int) -> None:
    nonce = "0123456789abcdef"
    body = b"".join(chunks)
    for whole, expected in ((body, False), (body[:at] + nonce.encode() + body[at:], True)):
        search = NonceSearch(nonce)
        found = [search.found(whole[start : start + step]) for start in range(0, len(whole), step)]
        assert any(found) is expected


@pytest.mark.parametrize("where", ["list", "stream", "header", "nowhere"])
def test_a_page_is_kept_unless_it_holds_the_nonce(where: str) -> None:
    scene = Scene()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        nonce = environ["wsgikit.csp_nonce"]
        headers = [("Content-Type", "text/html"), ("Cache-Control", "max-age=60")]
        if where == "header":
            headers.append(("X-Nonce", nonce))
        start_response("200 OK", headers)
        page = f"<script nonce={nonce}>" if where in ("list", "stream") else "<p>"
        body = [page[:20].encode(), page[20:].encode()]
        return iter(body) if where == "stream" else body

    scene.cache.app = app
    outside = SecurityHeaders(scene.cache)
    for _ in range(2):
        answer = call(outside, "GET", "/")
    assert hit(answer) is (where == "nowhere")
