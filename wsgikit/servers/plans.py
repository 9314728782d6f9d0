"""Which repairs each server needs: the table. A server that is not in it gets all that is safe everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wsgikit.servers.cgi import LastStream, orderly_end
from wsgikit.servers.environ import (
    empty_content_type,
    exported_headers,
    folded_fields,
    promised_keys,
    protocol,
    proxy_field,
    text_errors,
    text_of,
    text_values,
    unusual_text,
    wide_values,
)
from wsgikit.servers.fields import (
    forged_a2wsgi,
    forged_cheroot,
    forged_twisted,
    forged_wsgiref,
    made_up_type,
)
from wsgikit.servers.files import as_it_is, from_position, no_wrapper, uwsgi_wrapper
from wsgikit.servers.input import (
    bounded,
    nothing,
    raw_chunked,
    unknown,
    uwsgi_chunked,
    werkzeug_chunked,
)
from wsgikit.servers.length import (
    content_fields_twice,
    decoded_by_gateway,
    decoded_by_nginx,
    forged_content_fields,
    length_beside_chunks,
    length_of_framing,
    only_chunked,
    request_length,
)
from wsgikit.servers.path import (
    absolute_target,
    encoded_slashes,
    leading_slash,
    lost_bytes,
    missing_names,
    raw_document,
    script_slashes,
    still_encoded,
    utf8_view,
    utf8_view_if_certain,
    whole_path,
    whole_path_behind_gateway,
    whole_path_unsent,
)
from wsgikit.servers.peer import (
    claimed_scheme,
    empty_host,
    port_in_address,
    server_address,
    unix_peer,
    unix_socket,
)
from wsgikit.servers.reset import ResetStream
from wsgikit.servers.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from wsgikit.servers.answer import Answer

    Repair = Callable[[WSGIEnvironment], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done for one server.

    - ``request``: repairs of environ, in order, at each request.
    - ``body``: those of a request that announces a body; ``bare``: of one that does not.
    - ``forged``: the repair of forged header fields, which looks where the server keeps those that came.
    - ``file``: which body is a file that the server sends itself.
    - ``answers_errors``: whether an app's error is answered here: the server would say nothing, or something wrong.
    - ``blank``: whether a body without bytes gives one empty chunk.
    - ``dates``: whether the server writes a Date and a Server of its own beside the app's, which is left out then.
    - ``chunks_for_all``: whether the server sends chunks to clients of HTTP/1.0 too, who know none.
    - ``closes``: whether the app's body is closed at its end: the server does not.
    - ``stream``: what a body is made of that is not in memory.

    ``with_body`` and ``without_body`` are all repairs of the one request and of the other.
    """

    request: tuple[Repair, ...] = ()
    body: tuple[Repair, ...] = (request_length, length_beside_chunks, only_chunked, bounded)
    bare: tuple[Repair, ...] = (nothing,)
    forged: Callable[[WSGIEnvironment, StartResponse], None] | None = None
    file: Callable[[Iterable[bytes], Answer], Iterable[bytes] | None] | None = None
    answers_errors: bool = False
    blank: bool = False
    dates: bool = False
    chunks_for_all: bool = False
    closes: bool = False
    stream: type[Stream] = Stream

    with_body: tuple[Repair, ...] = field(init=False)
    without_body: tuple[Repair, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "with_body", self.request + self.body)
        object.__setattr__(self, "without_body", self.request + self.bare)


# nginx announces a body in each request: CONTENT_LENGTH is there, and empty.
_NGINX = (content_fields_twice, empty_content_type, empty_host)

PLANS: dict[str, Plan] = {
    "wsgiref": Plan(
        (exported_headers, proxy_field, folded_fields, leading_slash),
        (request_length, length_beside_chunks, only_chunked, raw_chunked),
        forged=forged_wsgiref,
        blank=True,
    ),
    "werkzeug": Plan(
        (text_of("REMOTE_PORT"), unix_peer("<local>"), lost_bytes, leading_slash),
        (request_length, length_beside_chunks, only_chunked, werkzeug_chunked),
        blank=True,
        dates=True,
        chunks_for_all=True,
    ),
    "gunicorn": Plan(
        (unix_peer("unix:"), absolute_target, leading_slash), (request_length, bounded), (), file=as_it_is
    ),
    "waitress": Plan((unix_peer("localhost"), leading_slash), (), (), file=as_it_is),
    "cheroot": Plan((unix_peer(), server_address, encoded_slashes, leading_slash), forged=forged_cheroot),
    "gevent": Plan((folded_fields, unix_peer(), leading_slash), bare=()),
    "eventlet": Plan((made_up_type, folded_fields, missing_names, unix_peer("unix"), leading_slash)),
    "uwsgi": Plan(
        (
            whole_path_unsent,
            missing_names,
            folded_fields,
            claimed_scheme,
            unix_peer("0.0.0.0", "unix:"),
            leading_slash,
            uwsgi_wrapper,
        ),
        (*_NGINX, request_length, decoded_by_nginx, length_beside_chunks, only_chunked, uwsgi_chunked),
        file=from_position,
        stream=ResetStream,
        answers_errors=True,
    ),
    "granian": Plan(
        (
            exported_headers,
            proxy_field,
            forged_content_fields,
            protocol,
            unix_peer(),
            empty_host,
            leading_slash,
        ),
        answers_errors=True,
    ),
    "bjoern": Plan((missing_names, unix_peer("0.0.0.0"), leading_slash), bare=(), file=as_it_is),
    "hypercorn": Plan(
        (forged_content_fields, text_of("SERVER_PORT"), unix_peer(), leading_slash),
        bare=(),
        answers_errors=True,
        blank=True,
        dates=True,
    ),
    "a2wsgi": Plan(
        (unix_peer(), lost_bytes, leading_slash),
        forged=forged_a2wsgi,
        answers_errors=True,
        dates=True,
        chunks_for_all=True,
    ),
    "asgiref": Plan(
        (text_errors, unix_peer(), leading_slash), bare=(), answers_errors=True, closes=True, dates=True
    ),
    "tornado": Plan((unix_peer("0.0.0.0"), leading_slash), bare=(), answers_errors=True),
    "twisted": Plan(
        (content_fields_twice, empty_content_type, unix_socket, leading_slash),
        forged=forged_twisted,
        closes=True,
    ),
    "pyruvate": Plan(
        (unix_socket, leading_slash, no_wrapper),
        (length_of_framing, request_length, only_chunked, raw_chunked),
        closes=True,
    ),
    "fastwsgi": Plan(
        (missing_names, port_in_address, wide_values, still_encoded, leading_slash), answers_errors=True
    ),
    "rocket3": Plan((content_fields_twice, utf8_view, leading_slash)),
    "mod_wsgi": Plan((missing_names, leading_slash), file=as_it_is),
    "mod_python": Plan(
        (text_values, promised_keys, utf8_view, wide_values, leading_slash), answers_errors=True
    ),
    "wsgikit.handlers.mod_python": Plan(body=(), bare=()),  # has done it already
    "cgi": Plan((orderly_end, proxy_field, missing_names, leading_slash), blank=True, stream=LastStream),
    "flup": Plan(
        (whole_path, unix_peer("unix:"), leading_slash),
        (*_NGINX, request_length, decoded_by_nginx, length_beside_chunks, only_chunked, bounded),
        answers_errors=True,
    ),
    "flup-scgi": Plan(
        (whole_path, raw_document, unix_peer("unix:"), leading_slash),
        (*_NGINX, request_length, decoded_by_nginx, length_beside_chunks, only_chunked, raw_chunked),
        answers_errors=True,
    ),
    "unknown": Plan(
        (
            text_values,
            promised_keys,
            unusual_text,
            utf8_view_if_certain,
            whole_path_behind_gateway,
            leading_slash,
            script_slashes,
            port_in_address,
            unix_socket,
            server_address,
            empty_host,
            content_fields_twice,
            empty_content_type,
            text_errors,
        ),
        (request_length, decoded_by_gateway, length_beside_chunks, only_chunked, unknown),
        (request_length, unknown),
        file=as_it_is,
        answers_errors=True,
        blank=True,
    ),
}
