"""Requests that no app should see: refused by ServerFix itself."""

from __future__ import annotations


class Refused(Exception):
    """The request has no one meaning; answered 400 with ``detail``, and the app is not called."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
