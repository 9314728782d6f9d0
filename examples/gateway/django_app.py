"""A Django app in one file: settings, URLs, views."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path, reverse

settings.configure(
    ALLOWED_HOSTS=["*"],  # the gateway in front decides which hosts there are
    ROOT_URLCONF=__name__,
    SECRET_KEY="an example's key: yours comes from the environment",
    USE_TZ=True,
)


def index(request):
    books = "".join(f"<li>Book {number}" for number in range(200))
    return HttpResponse(
        f"<!doctype html><title>Django</title><h1>Django</h1><a href='{reverse('client')}'>you</a><ol>{books}</ol>\n"
    )


def client(request):
    return HttpResponse(f"{request.scheme}://{request.get_host()} {request.META['REMOTE_ADDR']}\n")


urlpatterns = [path("", index), path("client", client, name="client")]

application = get_wsgi_application()
