"""Security headers: which there are, what may stand in them, and the values of the presets.

The values follow the OWASP Secure Headers project, OWASP's REST security cheat sheet and MDN's guides; docs/headers.md
gives the reason for each, and for each that is left out.
"""

from __future__ import annotations

import re
from typing import Any

from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.headers import valid_value

NONCE = "{nonce}"
"""What stands in a policy for the nonce of the request."""

HEADERS = {
    "cache_control": "Cache-Control",
    "content_security_policy": "Content-Security-Policy",
    "content_security_policy_report_only": "Content-Security-Policy-Report-Only",
    "cross_origin_embedder_policy": "Cross-Origin-Embedder-Policy",
    "cross_origin_embedder_policy_report_only": "Cross-Origin-Embedder-Policy-Report-Only",
    "cross_origin_opener_policy": "Cross-Origin-Opener-Policy",
    "cross_origin_opener_policy_report_only": "Cross-Origin-Opener-Policy-Report-Only",
    "cross_origin_resource_policy": "Cross-Origin-Resource-Policy",
    "hsts": "Strict-Transport-Security",
    "integrity_policy": "Integrity-Policy",
    "integrity_policy_report_only": "Integrity-Policy-Report-Only",
    "origin_agent_cluster": "Origin-Agent-Cluster",
    "permissions_policy": "Permissions-Policy",
    "permissions_policy_report_only": "Permissions-Policy-Report-Only",
    "referrer_policy": "Referrer-Policy",
    "reporting_endpoints": "Reporting-Endpoints",
    "x_content_type_options": "X-Content-Type-Options",
    "x_dns_prefetch_control": "X-DNS-Prefetch-Control",
    "x_frame_options": "X-Frame-Options",
    "x_permitted_cross_domain_policies": "X-Permitted-Cross-Domain-Policies",
    "x_xss_protection": "X-XSS-Protection",
}
"""The option of each header."""

FRAMING = "; frame-ancestors 'none'"
"""What the presets' policies say of framing, beside X-Frame-Options."""

_POWERFUL = (  # what a page may ask for by default, and few pages do; a name browsers do not know would be reported
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
    "xr-spatial-tracking",
)

# Two years. Not "preload": a site that is in the browsers' own lists cannot be taken out within months.
_HSTS = "max-age=63072000; includeSubDomains"

PRESETS: dict[str, dict[str, str]] = {
    "strict": {
        "content_security_policy": (
            f"default-src 'self'; script-src 'self' 'nonce-{NONCE}'; style-src 'self' 'nonce-{NONCE}'; "
            f"base-uri 'self'; form-action 'self'; object-src 'none'{FRAMING}"
        ),
        "cross_origin_opener_policy": "same-origin",
        "cross_origin_resource_policy": "same-origin",
        "hsts": _HSTS,
        "permissions_policy": ", ".join(f"{feature}=()" for feature in _POWERFUL),
        # Not "no-referrer": a form is then sent with "Origin: null", which checks against forgery refuse (Django's).
        "referrer_policy": "same-origin",
        "x_content_type_options": "nosniff",
        "x_frame_options": "DENY",
        "x_permitted_cross_domain_policies": "none",
    },
    "api": {
        "cache_control": "no-store",
        "content_security_policy": f"default-src 'none'{FRAMING}",
        "cross_origin_resource_policy": "same-origin",
        "hsts": _HSTS,
        "referrer_policy": "no-referrer",
        "x_content_type_options": "nosniff",
        "x_frame_options": "DENY",
    },
    "none": {},
}

_OPENER = ("same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none")
_EMBEDDER = ("require-corp", "credentialless", "unsafe-none")
_WORDS = {
    "cross_origin_embedder_policy": _EMBEDDER,
    "cross_origin_embedder_policy_report_only": _EMBEDDER,
    "cross_origin_opener_policy": _OPENER,
    "cross_origin_opener_policy_report_only": _OPENER,
    "cross_origin_resource_policy": ("same-origin", "same-site", "cross-origin"),
    "origin_agent_cluster": ("?1", "?0"),
    "referrer_policy": (
        "no-referrer",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "origin",
        "origin-when-cross-origin",
        "no-referrer-when-downgrade",
        "unsafe-url",
    ),
    "x_content_type_options": ("nosniff",),
    "x_dns_prefetch_control": ("off", "on"),
    "x_frame_options": ("DENY", "SAMEORIGIN"),
}
"""The headers whose value is one of a few words, which browsers ignore without a word when it is mistyped."""

_MAX_AGE = re.compile(
    r'(?:^|;)\s*max-age\s*=\s*"?[0-9]+"?\s*(?:;|$)', re.ASCII | re.IGNORECASE
)  # RFC 6797 section 6.1
_CONSTANT_NONCE = re.compile(r"'nonce-(?!\{nonce\}')", re.IGNORECASE)


def checked(option: str, value: Any) -> str:
    """The value of one header, checked as far as can be told here."""
    if not isinstance(value, str):
        raise wrong_type(
            "SecurityHeaders", option, value, "the header's value as text, or None to leave it out"
        )
    if not value.strip() or not valid_value(value):
        wanted = "a value of one line, without control characters, in latin-1; None leaves the header out"
        raise wrong_value("SecurityHeaders", option, value, wanted)
    if option == "hsts" and not _MAX_AGE.search(value):
        raise wrong_value("SecurityHeaders", option, value, 'a max-age in seconds, as in "max-age=63072000"')
    if _CONSTANT_NONCE.search(value):
        wanted = f"'nonce-{NONCE}', a new one for each request: one that stays the same is known to everybody"
        raise wrong_value("SecurityHeaders", option, value, wanted)
    for word in _words(option, value):
        if word not in _WORDS[option]:
            raise wrong_choice("SecurityHeaders", option, word, _WORDS[option])
    return str.__str__(value)


def _words(option: str, value: str) -> list[str]:
    """The words of a value that has only a few: several in Referrer-Policy (the last one known counts), else one."""
    if option not in _WORDS:
        return []
    if option == "referrer_policy":
        return [word.strip() for word in value.split(",")]
    return [value.partition(";")[0].strip()]  # a "report-to" parameter may follow
