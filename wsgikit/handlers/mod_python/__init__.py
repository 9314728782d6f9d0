"""A WSGI handler for mod_python, in place of its own ``mod_python.wsgi``.

```apache
<Location /shop>
    SetHandler mod_python
    PythonHandler wsgikit.handlers.mod_python
    PythonOption wsgi.application shop.wsgi:application
    PythonInterpreter main_interpreter
</Location>
```

- ``wsgi.application``: the app, as ``module:attribute``; imported with the first request.
- ``wsgi.base_uri`` (the path of the ``<Location>``): what becomes SCRIPT_NAME. Other requests are declined, and Apache
  serves them as if there were no handler.

The options of its own handler, ``mod_python.wsgi.application`` and ``mod_python.wsgi.base_uri``, are understood
too, as they stand. That handler answers every request with status 200, decodes what it gives the app as UTF-8 and dies
of bytes that are none, and appends an error page to an answer that broke; here each is as PEP 3333 has it.
"""

from __future__ import annotations

import traceback
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

from wsgikit.core.body import close, wrapped_file
from wsgikit.core.input import Truncated
from wsgikit.core.target import load_app
from wsgikit.handlers.mod_python.answer import Answer, ClientGone
from wsgikit.handlers.mod_python.environ import build, option, script_name
from wsgikit.handlers.mod_python.streams import ErrorLog, request_body

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIApplication, WSGIEnvironment


def handler(req: Any) -> int:
    """Answer Apache's request with the app: what PythonHandler calls.

    What the app raises before the first byte is raised to mod_python, which logs it and answers 500, or shows it with
    PythonDebug; after it, it is logged, and the connection broken off. That the client's body broke off is a 400.
    """
    apache = import_module("mod_python.apache")  # which is there within httpd alone
    app = application(option(req, "application"))
    base = script_name(req)
    if base is None:
        return int(apache.DECLINED)
    body, errors, answer = request_body(req), ErrorLog(req, apache), Answer(req, apache)
    try:
        serve(app, build(req, apache, base, body, errors), answer, errors)
    except Truncated:
        return int(apache.HTTP_BAD_REQUEST)
    finally:
        for stream in (body, answer, errors):
            stream.end()
    return int(apache.OK)


def serve(app: WSGIApplication, environ: WSGIEnvironment, answer: Answer, errors: ErrorLog) -> None:
    """Call the app, and see its answer to the end."""
    try:
        body = app(environ, answer.start_response)
        try:
            send(body, answer)
        finally:
            close(body)
    except ClientGone:
        pass  # nobody is left to be told
    except BaseException:
        if not answer.begun:
            raise
        errors.write(traceback.format_exc())
        answer.cut()


def send(body: Iterable[bytes], answer: Answer) -> None:
    """Send the body of an answer, a file by Apache's own means."""
    file = wrapped_file(body, FileWrapper)
    if file is None or not answer.send_file(file):
        answer.send(body)


@cache
def application(target: str) -> WSGIApplication:
    """The app that the option names, imported once."""
    if not target:
        raise LookupError("PythonOption wsgi.application names no app; it could be shop.wsgi:application")
    module, _, attribute = target.replace("::", ":").partition(":")
    app: WSGIApplication = load_app(f"{module}:{attribute or 'application'}")
    return app


def swallow(output: Any) -> None:
    """The filter at the end of an answer that was broken off: it lets nothing by, not even that this is the end."""
    while output.read():
        pass
