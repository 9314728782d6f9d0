"""No framework: a generator, which calls start_response when its first chunk is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.servers.apps import bare


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    answer = bare.answer("generator", environ)
    start_response(answer.status, answer.head())
    yield from answer.chunks
