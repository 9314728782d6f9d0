from __future__ import annotations

import copy
import pickle
import re
import sys
from typing import Any

import pytest

from wsgikit.core.middleware import Layer
from wsgikit.responses.errors.catcherrors import CatchErrors
from wsgikit.responses.heads.presets import FRAMING, HEADERS, PRESETS
from wsgikit.responses.heads.security import SecurityHeaders
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import expectations

HTTPS = {"wsgi.url_scheme": "https"}
PAGE = [b"<p>hello"]
POLICY = "script-src 'nonce-{nonce}' 'strict-dynamic'; object-src 'none'; base-uri 'none'"


def answering(*headers: tuple[str, str], status: str = "200 OK") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [("Content-Type", "text/html"), *headers])
        return [] if status.startswith("304") else PAGE

    return app


def told(layer: Any, **environ: Any) -> dict[str, str]:
    """What the layer adds, nonces as they are written."""
    headers = call(lint(layer), environ=environ).headers
    assert len({name.lower() for name, _ in headers}) == len(headers), "each header once"
    written = {name: re.sub(r"'nonce-[0-9a-f]{32}'", "'nonce-{nonce}'", value) for name, value in headers}
    del written["Content-Type"]
    return written


def preset(name: str, *, https: bool) -> dict[str, str]:
    return {HEADERS[key]: value for key, value in PRESETS[name].items() if https or key != "hsts"}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("https", [True, False])
def test_a_preset_is_sent_as_it_stands(name: str, https: bool) -> None:
    environ = HTTPS if https else {}
    assert told(SecurityHeaders(answering(), preset=name), **environ) == preset(name, https=https)


def test_the_default_is_strict() -> None:
    assert told(SecurityHeaders(answering())) == preset("strict", https=False)


def test_strict_has_what_owasp_and_mdn_ask_for() -> None:
    headers = told(SecurityHeaders(answering()), **HTTPS)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert re.match(r"max-age=\d{8}; includeSubDomains$", headers["Strict-Transport-Security"])
    assert "camera=()" in headers["Permissions-Policy"]


def test_O5_the_apps_own_value_is_kept_whatever_the_case_of_its_name() -> None:
    own = {
        "x-FRAME-options": "SAMEORIGIN",
        "Referrer-Policy": "origin",
        "content-security-policy": "default-src a.b",
    }
    headers = told(SecurityHeaders(answering(*own.items())))
    assert {name: headers[name] for name in own} == own
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_O5_hsts_is_sent_over_https_only() -> None:
    layer = SecurityHeaders(answering(), preset="none", hsts="max-age=60")
    assert told(layer) == {}
    assert told(layer, **HTTPS) == {"Strict-Transport-Security": "max-age=60"}


@pytest.mark.parametrize("status", ["404 Not Found", "500 Internal Server Error", "304 Not Modified"])
def test_O5_errors_have_the_headers_too(status: str) -> None:
    result = call(SecurityHeaders(answering(status=status), preset="api"))
    assert result.header("X-Content-Type-Options") == "nosniff"


def test_O5_an_exception_has_them_with_catch_errors_inside() -> None:
    layer = SecurityHeaders(CatchErrors(awkward_apps["raises at once"]), preset="api")
    result = call(lint(layer))
    assert (result.status, result.header("X-Content-Type-Options")) == (500, "nosniff")


def test_an_interim_answer_is_left_alone() -> None:
    layer = SecurityHeaders(answering(status="103 Early Hints"))
    assert call(layer).headers == [("Content-Type", "text/html")]


def test_overrides_take_the_place_of_the_presets_values_and_none_leaves_one_out() -> None:
    layer = SecurityHeaders(
        answering(),
        preset="api",
        cache_control=None,
        content_security_policy=None,
        x_frame_options="SAMEORIGIN",
        permissions_policy="camera=(self)",
    )
    expected = preset("api", https=False)
    del expected["Cache-Control"], expected["Content-Security-Policy"]
    expected |= {"X-Frame-Options": "SAMEORIGIN", "Permissions-Policy": "camera=(self)"}
    assert told(layer) == expected
    assert layer.cache_control is None  # type: ignore[attr-defined]
    assert layer.x_frame_options == "SAMEORIGIN"  # type: ignore[attr-defined]


@pytest.mark.parametrize("option", HEADERS)
def test_each_header_can_be_left_out(option: str) -> None:
    headers = told(SecurityHeaders(answering(), **{option: None}), **HTTPS)
    expected = preset("strict", https=True)
    expected.pop(HEADERS[option], None)
    assert headers == expected


def test_report_only_stands_beside_the_policy() -> None:
    layer = SecurityHeaders(
        answering(),
        preset="none",
        content_security_policy="default-src 'self'",
        content_security_policy_report_only="script-src 'nonce-{nonce}'; report-to csp",
        reporting_endpoints='csp="/reports"',
    )
    headers = told(layer)
    assert headers["Content-Security-Policy"] == "default-src 'self'"
    assert headers["Content-Security-Policy-Report-Only"] == "script-src 'nonce-{nonce}'; report-to csp"
    assert headers["Reporting-Endpoints"] == 'csp="/reports"'


# ---- nonces


def nonce_in(headers: list[tuple[str, str]]) -> str:
    found = set(re.findall(r"'nonce-([\w-]+)'", dict(headers)["Content-Security-Policy"]))
    assert len(found) == 1
    return str(found.pop())


def showing(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/html")])
    return [environ["wsgikit.csp_nonce"].encode()]


@pytest.mark.parametrize("options", [{}, {"content_security_policy": POLICY}])
def test_the_nonce_in_the_policy_is_the_one_in_environ(options: Any) -> None:
    result = call(lint(SecurityHeaders(showing, **options)))
    assert nonce_in(result.headers) == result.text
    assert re.fullmatch("[0-9a-f]{32}", result.text)  # 128 bits


def test_each_request_has_a_nonce_of_its_own() -> None:
    layer = SecurityHeaders(showing, content_security_policy=POLICY)
    assert len({call(layer).text for _ in range(100)}) == 100


def test_without_a_placeholder_there_is_no_nonce_and_environ_is_not_copied() -> None:
    environ = {"REQUEST_METHOD": "GET"}
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(environ)
        start_response("200 OK", [])
        return PAGE

    SecurityHeaders(app, preset="api")(environ, lambda *args: None)  # type: ignore[arg-type, return-value]
    assert seen[0] is environ
    assert "wsgikit.csp_nonce" not in environ


def test_the_nonce_of_a_layer_outside_is_used_again() -> None:
    inner = SecurityHeaders(
        showing, preset="none", content_security_policy_report_only="script-src 'nonce-{nonce}'"
    )
    result = call(SecurityHeaders(inner, content_security_policy=POLICY))
    assert f"'nonce-{nonce_in(result.headers)}'" in (
        result.header("Content-Security-Policy-Report-Only") or ""
    )


def test_a_304_brings_no_nonce_as_the_page_that_was_kept_has_another() -> None:
    layer = SecurityHeaders(answering(status="304 Not Modified"), content_security_policy=POLICY)
    result = call(layer)
    assert result.header("Content-Security-Policy") is None
    assert result.header("Referrer-Policy") == "same-origin"


def test_a_304_keeps_a_policy_without_a_nonce() -> None:
    layer = SecurityHeaders(answering(status="304 Not Modified"), preset="api")
    assert "Content-Security-Policy" in told(layer)


def test_the_childs_environ_alone_has_the_nonce() -> None:
    environ: dict[str, Any] = {}
    SecurityHeaders(showing, content_security_policy=POLICY)(environ, lambda *args: None)  # type: ignore[arg-type, return-value]
    assert environ == {}


# ---- framing


def test_an_app_that_says_who_may_frame_it_is_not_overruled_by_the_presets_policy() -> None:
    headers = told(SecurityHeaders(answering(("X-Frame-Options", "SAMEORIGIN"))))
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].endswith("; form-action 'self'; object-src 'none'")


@pytest.mark.parametrize("preset", ["strict", "api"])
def test_the_presets_policies_say_the_same_of_framing_as_x_frame_options(preset: str) -> None:
    assert FRAMING in PRESETS[preset]["content_security_policy"]
    assert PRESETS[preset]["x_frame_options"] == "DENY"


def test_a_policy_of_ones_own_is_sent_as_written() -> None:
    layer = SecurityHeaders(
        answering(("X-Frame-Options", "SAMEORIGIN")), content_security_policy="frame-ancestors 'none'"
    )
    assert told(layer)["Content-Security-Policy"] == "frame-ancestors 'none'"


# ---- transparency


def test_P2_exc_info_is_passed_on_and_the_new_head_is_completed_too() -> None:
    def failing(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        try:
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [("X-Frame-Options", "DENY")], sys.exc_info())
        return PAGE

    result = call(SecurityHeaders(failing, preset="api"))
    assert result.status == 500
    assert result.all("X-Frame-Options") == ["DENY"]
    assert result.all("X-Content-Type-Options") == ["nosniff"]


def test_P5_the_body_is_the_same_object() -> None:
    assert SecurityHeaders(answering())({}, lambda *args: None) is PAGE  # type: ignore[arg-type, return-value]


def test_P6_each_answer_gets_a_list_of_its_own() -> None:
    given: list[tuple[str, str]] = []
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", given)
        return PAGE

    layer = SecurityHeaders(app, preset="none")
    for _ in range(2):
        layer({}, lambda status, headers: seen.append(headers))  # type: ignore[arg-type, return-value, misc]
    assert given == [] == seen[0]
    assert seen[0] is not given
    assert seen[0] is not seen[1]


@pytest.mark.parametrize("name", [name for name, expected in expectations.items() if not expected.raises])
def test_P1_to_P9_awkward_apps_arrive_right(name: str) -> None:
    expected = expectations[name]
    layer = SecurityHeaders(lint(awkward_apps[name], allow=expected.breaks), content_security_policy=POLICY)
    result = call(
        lint(layer, allow=expected.breaks), expected.method, expected.path, body=expected.request_body
    )
    assert (result.status, result.body) == (expected.status, expected.body)
    assert result.header("X-Content-Type-Options") == "nosniff"


# ---- options


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hsts", "31536000"),
        ("hsts", "includeSubDomains"),
        ("hsts", "max-age=one year"),
        ("referrer_policy", "no-referer"),
        ("referrer_policy", "no-referrer, bogus"),
        ("x_frame_options", "ALLOW-FROM https://example.com"),
        ("x_content_type_options", "sniff"),
        ("cross_origin_opener_policy", "same-site"),
        ("content_security_policy", ""),
        ("content_security_policy", "default-src 'self';\r\n script-src a.b"),
        ("content_security_policy", "script-src 'nonce-abc123'"),
        ("content_security_policy", "default-src “self”"),
        ("permissions_policy", " "),
        ("preset", "strct"),
    ],
)
def test_a_value_that_browsers_would_not_understand_is_refused(option: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"SecurityHeaders: {option}="):
        SecurityHeaders(answering(), **{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hsts", "max-age=0"),
        ("hsts", 'includeSubDomains; max-age="60"; preload'),
        ("referrer_policy", "no-referrer, strict-origin-when-cross-origin"),
        ("cross_origin_opener_policy", 'same-origin; report-to="coop"'),
        ("content_security_policy", "script-src 'nonce-{nonce}' 'sha256-abc='"),
    ],
)
def test_values_in_all_their_forms_are_taken(option: str, value: str) -> None:
    layer = SecurityHeaders(answering(), preset="none", **{option: value})  # type: ignore[arg-type]
    assert told(layer, **HTTPS) == {HEADERS[option]: value}


@pytest.mark.parametrize("value", [31536000, True, ["max-age=1"]])
def test_a_value_that_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="SecurityHeaders: hsts="):
        SecurityHeaders(answering(), hsts=value)


def test_a_name_that_is_no_security_header_raises_and_the_nearest_one_is_named() -> None:
    with pytest.raises(
        TypeError, match=r"SecurityHeaders: no option 'referer_policy'; .* 'referrer_policy'\?"
    ):
        Layer(SecurityHeaders, referer_policy="no-referrer")
    with pytest.raises(TypeError, match="no option 'server'"):
        SecurityHeaders(answering(), server=None)  # type: ignore[call-arg]


def test_hsts_may_be_written_in_full_but_not_twice() -> None:
    layer = SecurityHeaders(answering(), preset="none", strict_transport_security="max-age=60")
    assert told(layer, **HTTPS) == {"Strict-Transport-Security": "max-age=60"}
    left_out = SecurityHeaders(answering(), strict_transport_security=None)
    assert "Strict-Transport-Security" not in told(left_out, **HTTPS)
    with pytest.raises(TypeError, match="the same header"):
        SecurityHeaders(answering(), hsts=None, strict_transport_security="max-age=60")


def page(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return PAGE


def test_options_pickle_and_copy() -> None:
    layer = SecurityHeaders(page, preset="api", hsts=None, referrer_policy="origin")
    assert layer.options() == {"preset": "api", "hsts": None, "referrer_policy": "origin"}
    assert repr(layer) == "SecurityHeaders(preset='api', hsts=None, referrer_policy='origin')"
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert call(twin).headers == call(layer).headers
