"""The Fetch standard's HTTP-CORS protocol; C1 to C10 are the behaviours it asks of a server, one by one."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from wsgikit.responses.errors.catcherrors import CatchErrors
from wsgikit.responses.heads.cors import CORS
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import expectations

SHOP = "https://shop.example"
EVIL = "https://evil.example"
PAGE = [b"<p>hello"]
ALLOW = "Access-Control-Allow-Origin"
PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


def answering(*headers: tuple[str, str], status: str = "200 OK") -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, [("Content-Type", "text/html"), *headers])
        return [] if status.startswith("304") else PAGE

    return app


def never(environ: Any, start_response: Any) -> Any:
    raise AssertionError("the app is not asked")


def ask(layer: Any, origin: str | None = SHOP, method: str = "GET", **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if origin is not None:
        sent["Origin"] = origin
    return call(lint(layer), method, headers=sent)


def preflight(layer: Any, method: str = "GET", headers: str | None = None, origin: str | None = SHOP) -> Any:
    announced = {"Access_Control_Request_Method": method}
    if headers is not None:
        announced["Access_Control_Request_Headers"] = headers
    return ask(layer, origin, "OPTIONS", **announced)


def cors_headers(result: Any) -> dict[str, str]:
    return {name: value for name, value in result.headers if name.lower().startswith("access-control-")}


# ---- C1: act only with Origin; exact match; null never by default


def test_C1_without_origin_nobody_is_allowed() -> None:
    assert cors_headers(ask(CORS(answering(), origins=SHOP, credentials=True, expose="X"), None)) == {}


def test_C1_an_allowed_origin_is_named() -> None:
    layer = CORS(answering(), origins=[SHOP, "https://other.example"])
    assert cors_headers(ask(layer)) == {ALLOW: SHOP}
    assert cors_headers(ask(layer, "https://other.example")) == {ALLOW: "https://other.example"}


@pytest.mark.parametrize(
    "origin", [EVIL, SHOP + "/", SHOP + ":8443", "http://shop.example", "null", "", f"{SHOP}, {EVIL}"]
)
def test_C1_any_other_origin_is_not(origin: str) -> None:
    result = ask(CORS(answering(), origins=SHOP), origin)
    assert cors_headers(result) == {}
    assert result.body == b"".join(PAGE)


@pytest.mark.parametrize("origins", [SHOP, "https://*.example", lambda origin: True])
def test_C1_null_is_never_allowed_by_default(origins: Any) -> None:
    assert cors_headers(ask(CORS(answering(), origins=origins), "null")) == {}


def test_C1_null_is_allowed_where_it_is_listed() -> None:
    assert cors_headers(ask(CORS(answering(), origins=[SHOP, "null"]), "null")) == {ALLOW: "null"}


def test_C1_patterns_and_functions() -> None:
    layer = CORS(
        answering(), origins=["https://*.example.com", lambda origin: origin == "https://asked.test"]
    )
    for origin in ("https://a.example.com", "https://asked.test"):
        assert cors_headers(ask(layer, origin)) == {ALLOW: origin}
        assert preflight(layer, origin=origin).header(ALLOW) == origin
    assert cors_headers(ask(layer, "https://example.com")) == {}


# ---- C2: Vary


@pytest.mark.parametrize("origin", [None, SHOP, EVIL, "null"])
@pytest.mark.parametrize("origins", [SHOP, [SHOP, "https://*.example.org"], lambda origin: origin == SHOP])
def test_C2_vary_origin_is_on_every_answer(origins: Any, origin: str | None) -> None:
    assert ask(CORS(answering(), origins=origins), origin).all("Vary") == ["Origin"]


@pytest.mark.parametrize("origins", ["*", ["*"]])
@pytest.mark.parametrize("origin", [None, SHOP, "null"])
def test_C2_an_answer_for_everybody_does_not_vary_and_is_given_without_asking(
    origins: Any, origin: str | None
) -> None:
    result = ask(CORS(answering(), origins=origins, expose=["X-Total"]), origin)
    assert result.header("Vary") is None
    assert cors_headers(result) == {ALLOW: "*", "Access-Control-Expose-Headers": "X-Total"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("Vary", "Accept")], ["Accept, Origin"]),
        ([("vary", "accept"), ("VARY", "Cookie")], ["accept, Cookie, Origin"]),
        ([("Vary", "origin")], ["origin"]),
        ([("Vary", "*")], ["*"]),
    ],
)
def test_C2_vary_is_merged(given: list[tuple[str, str]], expected: list[str]) -> None:
    for origin in (None, SHOP):
        assert ask(CORS(answering(*given), origins=SHOP), origin).all("Vary") == expected


# ---- C3: credentials


def test_C3_with_credentials_the_origin_is_named_and_they_are_allowed() -> None:
    expected = {ALLOW: SHOP, "Access-Control-Allow-Credentials": "true"}
    layer = CORS(answering(), origins=SHOP, credentials=True)
    assert cors_headers(ask(layer)) == expected
    assert expected.items() <= cors_headers(preflight(layer)).items()


@pytest.mark.parametrize(
    ("option", "value"),
    [("origins", "*"), ("origins", ["*"]), ("origins", [SHOP, "*"]), ("origins", [SHOP, "null"])]
    + [("methods", "*"), ("headers", ["*"]), ("expose", ["X-A", "*"])],
)
def test_C3_everything_together_with_credentials_is_refused(option: str, value: Any) -> None:
    options = {"origins": SHOP, option: value}
    with pytest.raises(ValueError, match=f"CORS: {option}="):
        CORS(answering(), credentials=True, **options)


def test_C3_authorization_is_not_covered_by_a_star() -> None:
    layer = CORS(never, origins="*", headers="*")
    assert preflight(layer, headers="x-any,content-type").header("Access-Control-Allow-Headers") == "*"
    assert cors_headers(preflight(layer, headers="authorization,x-any")) == {}
    listed = CORS(never, origins="*", headers=["*", "Authorization"])
    answer = preflight(listed, headers="authorization,x-any")
    assert answer.header("Access-Control-Allow-Headers") == "*, Authorization"


# ---- C4: what is a preflight


def test_C4_a_preflight_is_answered_204_without_the_app() -> None:
    layer = CORS(
        never, origins=SHOP, methods=["GET", "PUT"], headers=["X-Token"], max_age="10m", expose="X-Total"
    )
    result = preflight(layer, "PUT", "x-token")
    assert (result.status, result.body) == (204, b"")
    assert result.headers == [
        (ALLOW, SHOP),
        ("Access-Control-Allow-Methods", "GET, PUT"),
        ("Access-Control-Allow-Headers", "X-Token"),
        ("Access-Control-Max-Age", "600"),
        ("Vary", PREFLIGHT_VARY),
    ]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", {"Origin": SHOP}),
        ("OPTIONS", {"Access-Control-Request-Method": "PUT"}),
        ("GET", {"Origin": SHOP, "Access-Control-Request-Method": "PUT"}),
    ],
)
def test_C4_what_is_no_preflight_goes_to_the_app(method: str, headers: dict[str, str]) -> None:
    result = call(lint(CORS(answering(), origins=SHOP)), method, headers=headers)
    assert result.status == 200
    assert result.body == b"".join(PAGE)


# ---- C5: methods


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_C5_the_safelisted_methods_are_always_allowed(method: str) -> None:
    assert preflight(CORS(never, origins=SHOP, methods=["PUT"]), method).header(ALLOW) == SHOP
    assert preflight(CORS(never, origins=SHOP, methods=[]), method).header(ALLOW) == SHOP


@pytest.mark.parametrize("method", ["DELETE", "put", "Put", "get", "", "PUT, DELETE"])
def test_C5_other_methods_and_other_cases_are_not(method: str) -> None:
    assert cors_headers(preflight(CORS(never, origins=SHOP, methods=["PUT"]), method)) == {}


def test_C5_a_star_is_every_method() -> None:
    result = preflight(CORS(never, origins="*", methods="*"), "PURGE")
    assert result.header("Access-Control-Allow-Methods") == "*"


@pytest.mark.parametrize("method", ["put", "Patch"])
def test_C5_a_method_that_was_meant_in_capitals_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{method.upper()}'"):
        CORS(never, origins=SHOP, methods=[method])


# ---- C6: request headers


@pytest.mark.parametrize(
    "announced", ["x-token", "X-TOKEN", "x-token,content-type", " content-type ,\tx-token,, ", ""]
)
def test_C6_header_names_are_compared_without_case_and_the_answer_is_always_the_same(announced: str) -> None:
    result = preflight(CORS(never, origins=SHOP, headers=["X-Token", "Content-Type"]), headers=announced)
    assert result.header("Access-Control-Allow-Headers") == "X-Token, Content-Type"


@pytest.mark.parametrize(
    "announced", ["x-other", "x-token,x-other", "x-token x-other", "x-token;", "*", "x-tokén"]
)
def test_C6_one_header_too_many_refuses_the_preflight(announced: str) -> None:
    assert cors_headers(preflight(CORS(never, origins=SHOP, headers=["X-Token"]), headers=announced)) == {}


def test_C6_a_star_covers_names_and_nothing_that_is_none() -> None:
    layer = CORS(never, origins="*", headers="*")
    assert preflight(layer, headers="x-one, x-two").header(ALLOW) == "*"
    assert preflight(layer, headers="x one").header(ALLOW) is None


# ---- C7: refused


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [(EVIL, "GET", None), (SHOP, "DELETE", None), (SHOP, "GET", "x-other"), ("null", "GET", None)],
)
def test_C7_a_refused_preflight_is_204_without_a_word(origin: str, method: str, headers: str | None) -> None:
    result = preflight(CORS(never, origins=SHOP, credentials=True), method, headers, origin)
    assert result.status == 204
    assert result.headers == [("Vary", PREFLIGHT_VARY)]


# ---- C8: errors


@pytest.mark.parametrize(
    "status", ["304 Not Modified", "401 Unauthorized", "404 Not Found", "503 Service Unavailable"]
)
def test_C8_errors_and_304_have_the_headers_too(status: str) -> None:
    result = ask(CORS(answering(status=status), origins=SHOP))
    assert (result.header(ALLOW), result.header("Vary")) == (SHOP, "Origin")


@pytest.mark.parametrize(
    "name", ["raises at once", "raises after start_response", "raises before the first byte"]
)
def test_C8_so_has_an_exception_with_catch_errors_inside(name: str) -> None:
    result = ask(CORS(CatchErrors(awkward_apps[name]), origins=SHOP))
    assert (result.status, result.header(ALLOW)) == (500, SHOP)


@pytest.mark.parametrize(
    "name", [name for name in expectations if "exc_info" in name and "after" not in name]
)
def test_C8_so_has_a_head_that_is_decided_anew(name: str) -> None:
    result = ask(CORS(lint(awkward_apps[name]), origins=SHOP))
    assert (result.status, result.all(ALLOW), result.all("Vary")) == (500, [SHOP], ["Origin"])


# ---- C9: one word


@pytest.mark.parametrize("origins", [SHOP, "*"])
def test_C9_the_apps_own_decision_gives_way(origins: str) -> None:
    own = [("access-control-allow-origin", EVIL), (ALLOW, "*"), ("Access-Control-Allow-Credentials", "true")]
    layer = CORS(answering(*own), origins=origins)
    assert ask(layer).all(ALLOW) == [origins]
    assert ask(layer).all("Access-Control-Allow-Credentials") == []
    if origins != "*":
        assert ask(layer, EVIL).all(ALLOW) == []


def test_C9_what_the_app_exposes_stays_beside_what_we_do() -> None:
    layer = CORS(answering(("Access-Control-Expose-Headers", "X-Own")), origins=SHOP, expose=["X-Total"])
    assert ask(layer).header("Access-Control-Expose-Headers") == "X-Own, X-Total"


# ---- C10: Vary on preflights


@pytest.mark.parametrize("origins", ["*", SHOP])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_C10_each_preflight_varies(origins: str, method: str) -> None:
    assert preflight(CORS(never, origins=origins), method).all("Vary") == [PREFLIGHT_VARY]


# ---- transparency


def test_P5_the_body_is_the_same_object() -> None:
    for environ in ({}, {"HTTP_ORIGIN": SHOP}):
        assert CORS(answering(), origins=SHOP)(environ, lambda *args: None) is PAGE  # type: ignore[arg-type, return-value]


def test_P6_each_answer_gets_a_list_of_its_own() -> None:
    seen: list[Any] = []

    def start_response(status: str, headers: Any) -> Any:
        seen.append(headers)
        headers.append(("Date", "today"))

    for origins in (SHOP, "*"):
        layer = CORS(answering(), origins=origins)
        for environ in ({"HTTP_ORIGIN": SHOP}, {}) * 2:
            layer(environ, start_response)
    assert all([name for name, _ in headers].count("Date") == 1 for headers in seen)


@pytest.mark.parametrize("name", [name for name, expected in expectations.items() if not expected.raises])
def test_P1_to_P9_awkward_apps_arrive_right(name: str) -> None:
    expected = expectations[name]
    layer = CORS(lint(awkward_apps[name], allow=expected.breaks), origins=SHOP)
    result = call(
        lint(layer, allow=expected.breaks),
        expected.method,
        expected.path,
        body=expected.request_body,
        headers={"Origin": SHOP},
    )
    assert (result.status, result.body) == (expected.status, expected.body)
    assert result.header(ALLOW) == SHOP


# ---- options


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("origins", "shop.example", ValueError),
        ("origins", [5], TypeError),
        ("methods", ["PUT\r\n"], ValueError),
        ("methods", 5, TypeError),
        ("methods", [5], TypeError),
        ("headers", ["X Token"], ValueError),
        ("headers", b"X-Token", TypeError),
        ("expose", ["X:"], ValueError),
        ("credentials", "yes", TypeError),
        ("max_age", -1, ValueError),
        ("max_age", "soon", ValueError),
    ],
)
def test_a_wrong_option_is_refused_by_name(option: str, value: Any, error: type[Exception]) -> None:
    options = {"origins": SHOP, option: value}
    with pytest.raises(error, match=f"CORS: {option}="):
        CORS(answering(), **options)


def test_origins_have_no_default() -> None:
    with pytest.raises(TypeError, match=r"CORS: missing a required (keyword-only )?argument: 'origins'"):
        CORS(answering())  # type: ignore[call-arg]


def page(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return PAGE


def test_options_pickle_and_copy() -> None:
    layer = CORS(page, origins=[SHOP, "https://*.example.com"], expose="X-Total")
    assert layer.options() == {"origins": [SHOP, "https://*.example.com"], "expose": "X-Total"}
    assert (layer.methods, layer.headers, layer.expose) == (("GET", "HEAD", "POST"), (), ("X-Total",))
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert ask(twin).headers == ask(layer).headers
