"""Django."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse

from tests.servers.apps import pages

settings.configure(
    ALLOWED_HOSTS=["*"],
    LOGGING_CONFIG=None,
    ROOT_URLCONF=__name__,
    SECRET_KEY="a test's key",
    USE_TZ=True,
)


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse(pages.index("django", reverse("client")))


def client(request: HttpRequest) -> HttpResponse:
    seen = f"{request.META['REMOTE_ADDR']} {request.scheme} {request.get_host()}"
    return HttpResponse(seen, content_type="text/plain")


def elsewhere(request: HttpRequest) -> HttpResponse:
    return redirect("client")


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type="application/octet-stream")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Iterator[bytes]:
        yield pages.FIRST
        yield pages.last_line(request.GET["port"])

    return StreamingHttpResponse(lines(), content_type="text/plain", headers=pages.UNBUFFERED)


def cookie(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse(request.COOKIES.get(pages.COOKIE, "-"), content_type="text/plain")
    answer.set_cookie(pages.COOKIE, "django")
    return answer


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(pages.FILE.open("rb"))


def unicode(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(name, content_type="text/plain; charset=utf-8")


def error(request: HttpRequest) -> HttpResponseBase:
    raise pages.Failure


urlpatterns = [
    path("", index),
    path("client", client, name="client"),
    path("redirect", elsewhere),
    path("echo", echo),
    path("stream", stream),
    path("cookie", cookie),
    path("file", file),
    path("unicode/<name>", unicode),
    path("error", error),
]

application = get_wsgi_application()
