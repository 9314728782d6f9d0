"""Header fields with an underscore in their names: left out again where the server keeps what came."""

from __future__ import annotations

from email.message import Message
from types import SimpleNamespace
from typing import Any

import pytest

from wsgikit.servers import fields
from wsgikit.servers.refusal import Refused


def own_method(**attributes: Any) -> Any:
    """A start_response that is a method of the server's object with these attributes."""
    kind = type("Own", (), {"start_response": lambda self, status, headers: None})
    server = kind()
    vars(server).update(attributes)
    return server.start_response


def message(*pairs: tuple[str, str]) -> Message:
    found = Message()
    for name, value in pairs:
        found[name] = value
    return found


def encoded(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in pairs]


TRUE, FORGED, OTHER = ("X-Forwarded-For", "1.1.1.1"), ("X_Forwarded_For", "6.6.6.6"), ("Accept", "*/*")


def ask(repair: str, *pairs: tuple[str, str]) -> dict[str, Any]:
    """Environ as the server makes it of these fields, after the repair."""
    environ: dict[str, Any] = {}
    for name, value in pairs:
        environ["HTTP_" + name.upper().replace("-", "_")] = value  # the last one wins
    start_response: Any = None
    if repair == "forged_a2wsgi":
        environ["asgi.scope"] = {"headers": encoded(*pairs)}
    elif repair == "forged_cheroot":
        start_response = own_method(req=SimpleNamespace(inheaders=dict(encoded(*pairs))))
    elif repair == "forged_wsgiref":
        start_response = own_method(request_handler=SimpleNamespace(headers=message(*pairs)))
    else:
        raw = [(name, [value]) for name, value in encoded(*pairs)]
        headers = SimpleNamespace(getAllRawHeaders=lambda: iter(raw))
        start_response = own_method(request=SimpleNamespace(requestHeaders=headers))
    getattr(fields, repair)(environ, start_response)
    environ.pop("asgi.scope", None)
    return environ


REPAIRS = ["forged_a2wsgi", "forged_cheroot", "forged_wsgiref", "forged_twisted"]


@pytest.mark.parametrize("repair", REPAIRS)
def test_the_true_field_wins_over_the_forged_one(repair: str) -> None:
    assert ask(repair, TRUE, FORGED, OTHER) == {"HTTP_X_FORWARDED_FOR": "1.1.1.1", "HTTP_ACCEPT": "*/*"}
    assert ask(repair, FORGED, TRUE) == {"HTTP_X_FORWARDED_FOR": "1.1.1.1"}


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_forged_field_alone_is_left_out(repair: str) -> None:
    assert ask(repair, FORGED, OTHER) == {"HTTP_ACCEPT": "*/*"}


@pytest.mark.parametrize("repair", REPAIRS)
def test_where_nothing_is_forged_nothing_changes(repair: str) -> None:
    assert ask(repair, TRUE, OTHER) == {"HTTP_X_FORWARDED_FOR": "1.1.1.1", "HTTP_ACCEPT": "*/*"}


@pytest.mark.parametrize("repair", REPAIRS)
def test_behind_somebody_elses_start_response_nothing_is_known_and_nothing_done(repair: str) -> None:
    environ = {"HTTP_X_FORWARDED_FOR": "6.6.6.6"}
    getattr(fields, repair)(environ, lambda status, headers: None)
    assert environ == {"HTTP_X_FORWARDED_FOR": "6.6.6.6"}


def test_the_content_type_that_wsgiref_makes_up_is_dropped() -> None:
    for pairs, kept in (((OTHER,), False), ((("Content-Type", "text/plain"),), True)):
        environ = {"CONTENT_TYPE": "text/plain"}
        handler = SimpleNamespace(headers=message(*pairs))
        fields.forged_wsgiref(environ, own_method(request_handler=handler))
        assert ("CONTENT_TYPE" in environ) is kept


def test_the_content_type_that_eventlet_makes_up_is_dropped() -> None:
    environ: dict[str, Any] = {"CONTENT_TYPE": "text/plain", "headers_raw": (OTHER,)}
    fields.made_up_type(environ)
    assert environ == {"eventlet.headers_raw": (OTHER,)}
    environ = {"CONTENT_TYPE": "text/plain", "headers_raw": (("content-type", "text/plain"),)}
    fields.made_up_type(environ)
    assert environ["CONTENT_TYPE"] == "text/plain"


@pytest.mark.parametrize("name", ["Length", "Type"])
def test_a_content_field_with_an_underscore_is_not_the_true_one(name: str) -> None:
    """cheroot read one byte of five, where ``Content_Length: 1`` came after ``Content-Length: 5``."""
    key = f"CONTENT_{name.upper()}"
    pairs = {f"Content-{name}": "5", f"Content_{name}": "1"}
    request = SimpleNamespace(inheaders=dict(encoded(*pairs.items())))
    environ = {key: "1"}
    fields.forged_cheroot(environ, own_method(req=request))
    assert environ == {key: "5"}
    del request.inheaders[f"content-{name.lower()}".encode()]
    fields.forged_cheroot(environ, own_method(req=request))
    assert environ == {}


def test_two_lengths_that_differ_are_refused_where_wsgiref_takes_the_first() -> None:
    twice = [("Content-Length", "5"), ("Content-Length", "6")]
    environ = {"CONTENT_LENGTH": "5"}
    with pytest.raises(Refused):
        fields.forged_wsgiref(environ, own_method(request_handler=SimpleNamespace(headers=message(*twice))))
    once = message(*twice[:1], *twice[:1])
    fields.forged_wsgiref(environ, own_method(request_handler=SimpleNamespace(headers=once)))
    assert environ == {"CONTENT_LENGTH": "5"}
