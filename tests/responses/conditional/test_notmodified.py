"""What a 304 keeps of the head that its 200 would have had."""

from __future__ import annotations

import pytest

from wsgikit import Cache, ConditionalGet
from wsgikit.responses.conditional.notmodified import of_a_304
from wsgikit.testing import call

TAG = ("ETag", '"one"')
DATE = ("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
LIFETIME = ("Cache-Control", "max-age=60")


def test_it_keeps_what_a_copy_is_updated_with() -> None:
    kept = [TAG, LIFETIME, ("Vary", "Cookie"), ("Content-Location", "/de"), ("Set-Cookie", "a=1")]
    about_the_content = [("Content-Type", "text/html"), ("Content-Length", "9"), ("Digest", "x"), DATE]
    assert of_a_304([*kept, *about_the_content]) == kept


def test_the_date_stays_where_there_is_no_tag() -> None:
    assert of_a_304([DATE, ("Content-Type", "text/html")]) == [DATE]


@pytest.mark.parametrize("layer", [Cache, ConditionalGet])
def test_every_304_of_ours_is_made_by_it(layer: type) -> None:
    def app(environ, start_response):  # type: ignore[no-untyped-def]
        start_response("200 OK", [TAG, DATE, LIFETIME, ("Content-Type", "text/html")])
        return [b"page"]

    served = layer(app)
    for _ in range(2):  # a cache has it from the app, and then from itself
        answer = call(served, headers={"If-None-Match": '"one"'})
        assert answer.status == 304
        assert answer.header("Last-Modified") is None
        assert answer.header("ETag") == '"one"'
