"""What the classes here check alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.errors import wrong_type

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def checked_app(owner: str, option: str, app: WSGIApplication) -> WSGIApplication:
    """``app``, if it can be one; without this the error would name the part that it is handed on to."""
    if not callable(app):
        raise wrong_type(owner, option, app, "a WSGI app, called with environ and start_response")
    return app
