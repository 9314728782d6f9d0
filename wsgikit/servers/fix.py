"""ServerFix: between a server and what it was promised to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_choice
from wsgikit.core.middleware import Middleware
from wsgikit.servers.answer import NOTHING, Answer
from wsgikit.servers.plans import PLANS, Plan
from wsgikit.servers.recognition import recognise
from wsgikit.servers.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class ServerFix(Middleware):
    """Gives the app the environ that PEP 3333 promises, and the server an answer that it can carry.

    - ``server``: the server's name in the table of docs/serverfix.md. None (the default) finds out from the first
      request; a server that is not known gets every repair that is safe on all.

    It stands outside of all other layers, and edits environ in place, as TrustedProxies does, so that the server's own
    log is right too. What is done is chosen once; each repair is a function of its own, with its server and its reason.

    The request: SCRIPT_NAME, PATH_INFO and QUERY_STRING are there, as the latin-1 view of the client's bytes;
    REMOTE_ADDR of a peer on a unix socket is ``""``; ``wsgi.input`` ends where the body ends, and raises ``BrokenBody``
    (an ``OSError``) where it breaks off, which is answered 400 unless the app makes something else of it. A request
    with no one length is answered 400 at once.

    The answer: the server hears of one head, before the call returns, of exact str and without hop-by-hop fields. A
    head that cannot be sent raises ``BadHead`` (a ``ValueError``) out of ``start_response()``, and is answered 500. Of
    a body that is not in memory the first chunk is pulled for it; no other is, and a list or a server's file wrapper
    goes through as it is. There is no body where there is no content, and none that is longer than its Content-Length;
    one that is shorter is broken off. An error before the first byte is answered 500 where the server would say
    nothing, or something wrong, and logged once to ``wsgikit.errors``; elsewhere, and after it, it is raised again.

    Raises ``ValueError`` for a name that is not in the table.
    """

    def __init__(self, app: WSGIApplication, *, server: str | None = None) -> None:
        super().__init__(app)
        if server is not None and server not in PLANS:
            raise wrong_choice("ServerFix", "server", server, PLANS)
        self.server = server
        self._named = None if server is None else PLANS[server]
        self._found: dict[Any, Plan] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        plan = self._named or self._find(environ)
        answer = Answer()
        answer.environ = environ
        answer.start = start_response
        answer.plan = plan
        answer.status = ""
        answer.head_only = environ.get("REQUEST_METHOD") == "HEAD"  # now: an app may edit its environ
        answer.written = NOTHING
        answer.committed = False
        answer.held = 0
        try:
            if plan.forged is not None:
                plan.forged(environ, start_response)  # first: what follows takes the fields for the client's
            announced = "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ
            for repair in plan.with_body if announced else plan.without_body:
                repair(environ)
            body = self.app(environ, answer.start_response)
        except Refused as refusal:
            return answer.reply(400, refusal.detail)
        except Exception as error:
            if not answer.answers(error):
                raise
            return answer.failed(error)
        return answer.carry(body)

    def _find(self, environ: WSGIEnvironment) -> Plan:
        # What tells two servers in one process apart; the text is the server's, and nothing else is sure to be one.
        key = (
            str(environ.get("SERVER_SOFTWARE")),
            type(environ.get("wsgi.input")),
            "uwsgi.version" in environ,
        )
        plan = self._found.get(key)
        if plan is None:
            plan = self._found[key] = PLANS[recognise(environ)]
        return plan
