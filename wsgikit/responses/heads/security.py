"""SecurityHeaders: tells browsers what the pages of this app never do."""

from __future__ import annotations

from os import urandom
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from wsgikit.core.environ import child
from wsgikit.core.errors import wrong_choice
from wsgikit.core.middleware import Middleware
from wsgikit.responses.heads.presets import FRAMING, HEADERS, NONCE, PRESETS, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.headers import Headers

Override = str | None | EllipsisType
"""A header's value, None to leave it out, or ``...`` for what the preset says."""

CSP_NONCE = "wsgikit.csp_nonce"

_POLICY = HEADERS["content_security_policy"]


class SecurityHeaders(Middleware):
    """Adds the headers that protect users, each where the app has not given it itself, on errors too.

    - ``preset``: ``"strict"`` (the default) for sites, ``"api"`` for answers that no browser shows, ``"none"`` for
      nothing but what the other options say.
    - Every other option is a header's name in snake case, and its value as text; None leaves the header out.
      ``hsts`` is short for ``strict_transport_security``.

    In a policy ``{nonce}``, as in ``content_security_policy="script-src 'nonce-{nonce}'"``, stands for a nonce of the
    request's own, which the app finds in ``environ["wsgikit.csp_nonce"]``; strict's policy has one. Such a policy is
    left out of a 304, which would put it on the page that the browser has kept, with the nonces of then.
    Strict-Transport-Security is sent over https only (RFC 6797 section 7.2): behind a proxy, put TrustedProxies
    outside.

    An app that says itself who may frame a page, with X-Frame-Options, is not overruled by the preset's
    ``frame-ancestors``, which browsers would heed instead. Raises ``ValueError`` or ``TypeError`` for a value that
    browsers would not understand.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        preset: str = "strict",
        cache_control: Override = ...,
        content_security_policy: Override = ...,
        content_security_policy_report_only: Override = ...,
        cross_origin_embedder_policy: Override = ...,
        cross_origin_embedder_policy_report_only: Override = ...,
        cross_origin_opener_policy: Override = ...,
        cross_origin_opener_policy_report_only: Override = ...,
        cross_origin_resource_policy: Override = ...,
        hsts: Override = ...,
        integrity_policy: Override = ...,
        integrity_policy_report_only: Override = ...,
        origin_agent_cluster: Override = ...,
        permissions_policy: Override = ...,
        permissions_policy_report_only: Override = ...,
        referrer_policy: Override = ...,
        reporting_endpoints: Override = ...,
        strict_transport_security: Override = ...,
        x_content_type_options: Override = ...,
        x_dns_prefetch_control: Override = ...,
        x_frame_options: Override = ...,
        x_permitted_cross_domain_policies: Override = ...,
        x_xss_protection: Override = ...,
    ) -> None:
        overrides = {
            name: value for name, value in locals().items() if name in HEADERS and value is not Ellipsis
        }
        super().__init__(app)
        if not isinstance(preset, str) or preset not in PRESETS:
            raise wrong_choice("SecurityHeaders", "preset", preset, PRESETS)
        if strict_transport_security is not ...:
            if hsts is not ...:
                raise TypeError("SecurityHeaders: hsts= and strict_transport_security= are the same header")
            overrides["hsts"] = strict_transport_security
        self.preset = preset

        values = _decided(preset, overrides)
        for option in HEADERS:
            setattr(self, option, values.get(option))
        self.strict_transport_security = values.get("hsts")

        pairs = [(HEADERS[option], values[option]) for option in HEADERS if option in values]
        self._fresh = [pair for pair in pairs if NONCE in pair[1]]
        self._secure = [pair for pair in pairs if NONCE not in pair[1]]
        self._plain = [pair for pair in self._secure if pair[0] != HEADERS["hsts"]]
        self._names = frozenset({"x-frame-options", *(name.lower() for name, _ in pairs)})
        self._yields = "content_security_policy" not in overrides

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        pairs = lasting = self._secure if environ.get("wsgi.url_scheme") == "https" else self._plain
        if self._fresh:
            # 128 bits, the least that CSP 3 section 7.1 asks for; hexadecimal digits are base64 as well.
            nonce = environ.get(CSP_NONCE) or urandom(16).hex()
            pairs = lasting + [(name, value.replace(NONCE, nonce)) for name, value in self._fresh]
            environ = child(environ, **{CSP_NONCE: nonce})

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if not status.startswith("1"):  # a server may let an app send 103, which is not the answer yet
                headers = self._completed(headers, lasting if status.startswith("304") else pairs)
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return self.app(environ, start)

    def _completed(self, headers: Headers, pairs: Headers) -> Headers:
        """The app's headers and those of ``pairs`` that it lacks: a new list, as servers add to the one they get."""
        for name, _ in headers:
            if name.lower() in self._names:
                return self._merged(headers, pairs)
        return [*headers, *pairs]

    def _merged(self, headers: Headers, pairs: Headers) -> Headers:
        """The same for an app that has given some of them itself."""
        present = {name.lower() for name, _ in headers}
        if self._yields and "x-frame-options" in present:
            pairs = [_without_framing(pair) if pair[0] == _POLICY else pair for pair in pairs]
        return [*headers, *(pair for pair in pairs if pair[0].lower() not in present)]


def _without_framing(pair: tuple[str, str]) -> tuple[str, str]:
    """The preset's policy for an app that says itself who may frame the page."""
    return pair[0], pair[1].replace(FRAMING, "")


def _decided(preset: str, overrides: dict[str, Any]) -> dict[str, str]:
    """The value of each option that sends a header: the preset's, or what stands in its place."""
    values = dict(PRESETS[preset])
    for option, value in overrides.items():
        values.pop(option, None)
        if value is not None:
            values[option] = checked(option, value)
    return values
