"""No framework: every answer goes through ``write()``, as apps older than WSGI do."""

from __future__ import annotations

from wsgiref.types import StartResponse, WSGIEnvironment

from tests.servers.apps import bare


def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    answer = bare.answer("write", environ)
    write = start_response(answer.status, answer.head())
    for chunk in answer.chunks:
        write(chunk)
    return []
