"""What ETag, ConditionalGet and Ranges cost, beside WebOb's and Werkzeug's own: ``python benchmarks/conditional.py``.

Minima of many short rounds taken in turn, so that a slow moment of the machine hits all alike.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING, Any

from rounds import BROWSER, minima, request

from wsgikit.responses.conditional.conditionalget import ConditionalGet
from wsgikit.responses.conditional.etag import ETag
from wsgikit.responses.conditional.ranges import Ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of cgi, on Python before 3.13
    import webob
import werkzeug.wrappers

PAGE = b"<p>Hello, hello.</p>\n" * 2400
HEAD = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("X-Frame-Options", "DENY"),
]
TAG = ("ETag", '"x"')


def answering(*headers: tuple[str, str], status: str = "200 OK", listed: bool = True) -> Any:
    def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        start_response(status, [*HEAD, *headers])
        return [PAGE] if listed else iter([PAGE])

    return app


def webob_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    response = webob.Response(body=PAGE, content_type="text/html", conditional_response=True)
    response.headers["ETag"] = TAG[1]
    return response(environ, start_response)


def werkzeug_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    response = werkzeug.wrappers.Response(PAGE, content_type="text/html", headers=[TAG])
    response.make_conditional(environ, accept_ranges=True, complete_length=len(PAGE))
    return response(environ, start_response)


def asked(app: Any, **more: str) -> Callable[[], None]:
    return request(app, BROWSER | more)


def hashed(new: Any) -> Callable[[], None]:
    return lambda: new(PAGE).hexdigest()


def table(title: str, cases: dict[str, Callable[[], None]]) -> None:
    print(f"\n{title}")
    for name, took in minima(cases, rounds=40, calls=200).items():
        print(f"  {name:48} {took:8.2f} us")


def main() -> None:
    plain, tagged, missing = answering(), answering(TAG), answering(status="404 Not Found")
    table(
        "Nothing to do",
        {
            "the app alone": asked(tagged),
            "ConditionalGet, no precondition": asked(ConditionalGet(tagged)),
            "Ranges, POST": asked(Ranges(tagged), REQUEST_METHOD="POST"),
            "Ranges, 404": asked(Ranges(missing)),
            "Ranges, 200 (adds Accept-Ranges)": asked(Ranges(tagged)),
            "ETag, POST": asked(ETag(tagged), REQUEST_METHOD="POST"),
            "ETag, 404": asked(ETag(missing)),
            "ETag, 200 that has one": asked(ETag(tagged)),
        },
    )
    known, part = {"HTTP_IF_NONE_MATCH": TAG[1]}, {"HTTP_RANGE": "bytes=100-1099"}
    table(
        "Something to do, 50 KB",
        {
            "ETag, a list": asked(ETag(plain)),
            "ETag, an iterator with its length": asked(ETag(answering(listed=False))),
            "304: ConditionalGet": asked(ConditionalGet(tagged), **known),
            "304: webob, the app included": asked(webob_app, **known),
            "304: werkzeug, the app included": asked(werkzeug_app, **known),
            "206: Ranges, a list": asked(Ranges(tagged), **part),
            "206: Ranges, an iterator": asked(Ranges(answering(TAG, listed=False)), **part),
            "206: webob, the app included": asked(webob_app, **part),
            "206: werkzeug, the app included": asked(werkzeug_app, **part),
        },
    )
    table(
        "Hashes of 50 KB",
        {
            new.__name__.removeprefix("openssl_"): hashed(new)
            for new in (hashlib.sha256, hashlib.sha1, hashlib.md5, hashlib.blake2b, hashlib.sha512)
        },
    )


if __name__ == "__main__":
    main()
