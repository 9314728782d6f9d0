"""Cookies narrowed to a mount."""

from __future__ import annotations

import pytest

from wsgikit.mounting.cookies import first_of_each, narrow, scoped


@pytest.mark.parametrize(
    ("cookie", "narrowed"),
    [
        ("session=1; HttpOnly; Path=/", "session=1; HttpOnly; Path=/blog"),
        ("session=1; Path=/; HttpOnly", "session=1; HttpOnly; Path=/blog"),
        ("session=1", "session=1; Path=/blog"),
        ("session=1;path = / ;Secure", "session=1;Secure; Path=/blog"),
        ("session=1; Path", "session=1; Path=/blog"),
        ("session=1; Path=relative", "session=1; Path=/blog"),
        ("session=1; Path=/a; Path=/", "session=1; Path=/blog"),
        ("__Secure-id=1; Secure; Path=/", "__Secure-id=1; Secure; Path=/blog"),
        (
            "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/",
            "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/blog",
        ),
    ],
)
def test_a_cookie_for_everywhere_is_narrowed(cookie: str, narrowed: str) -> None:
    assert narrow(cookie, "/blog") == narrowed


@pytest.mark.parametrize(
    "cookie",
    [
        "session=1; Path=/blog/admin",
        "session=1; Path=/; Path=/shop",
        "__Host-id=1; Secure; Path=/",
        "__HOST-id=1; Secure; Path=/",
    ],
)
def test_a_cookie_that_chose_its_path_is_left_alone(cookie: str) -> None:
    assert narrow(cookie, "/blog") == cookie


def test_the_path_is_spelled_as_browsers_compare_it() -> None:
    seen: list[tuple[str, str]] = []
    start = scoped(lambda status, headers, exc_info=None, /: seen.extend(headers), "/caf\xc3\xa9 ;x")  # type: ignore[arg-type,return-value]
    start("200 OK", [("Content-Type", "text/plain"), ("set-cookie", "a=1")])
    assert seen == [("Content-Type", "text/plain"), ("set-cookie", "a=1; Path=/caf%C3%A9%20%3Bx")]


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("a=1; b=2", "a=1; b=2"),
        ("session=blog; session=root", "session=blog"),
        ("x=0; session=blog; y=1; session=root", "x=0; session=blog; y=1"),
        ("session=a=b; session =c", "session=a=b"),
        ("", ""),
    ],
)
def test_the_first_of_two_cookies_with_one_name_is_handed_on(header: str, kept: str) -> None:
    assert first_of_each(header) == kept
