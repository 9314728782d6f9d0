"""The heads of answers: what the app says is what the client hears, and what follows is framed by it."""

from __future__ import annotations

from tests.servers.matrix.ask import Ask
from tests.servers.matrix.client import Cut
from tests.servers.matrix.question import question

THEME = "Heads"


@question(THEME, "length kept")
def length_kept(ask: Ask) -> None:
    """The app's Content-Length is sent, for HEAD as well."""
    assert ask(ask.promise("page")).get("Content-Length") == "5"
    assert ask(ask.promise("page"), "HEAD").get("Content-Length") == "5"


@question(THEME, "late head")
def late_head(ask: Ask) -> None:
    """A generator may call start_response when it is asked for its first chunk, or after an empty one."""
    for page in ("late", "later"):
        answer = ask(ask.promise(page))
        assert (answer.status, answer.get("X-Late")) == (201, "yes")
        assert answer.text == "one two"


@question(THEME, "bent strings")
def bent(ask: Ask) -> None:
    """Status and headers of a subclass of str are sent as what they say."""
    answer = ask(ask.promise("bent"))
    assert (answer.status, answer.get("X-Text"), answer.text) == (200, "kept", "bent")


@question(THEME, "two cookies")
def two_cookies(ask: Ask) -> None:
    """Two Set-Cookie headers stay two."""
    first, second = ask(ask.promise("cookies")).all("Set-Cookie")
    assert first.startswith("a=1;")
    assert second.startswith("b=2; Expires=Wed, 09 Jun 2100 10:18:14 GMT")


@question(THEME, "hop-by-hop")
def hop_by_hop(ask: Ask) -> None:
    """Connection, Keep-Alive and Transfer-Encoding from the app do no harm to the framing, nor are they sent."""
    with ask.connection() as connection:
        answer = connection.ask(ask.promise("hop"), keep=True)
    assert (answer.status, answer.body, answer.whole) == (200, b"hops", True)
    assert "timeout=99" not in answer.all("Keep-Alive")
    assert not any("x-mine" in value.lower() for value in answer.all("Connection"))


@question(THEME, "CR LF in a header")
def injection(ask: Ask) -> None:
    """A line end in a header's value makes no second header."""
    try:
        answer = ask(ask.promise("injected"))
    except Cut:
        return
    assert not answer.all("X-Injected")
    assert b"X-Injected" not in answer.body
    assert answer.status in (200, 500)


@question(THEME, "HEAD")
def head(ask: Ask) -> None:
    """HEAD has GET's status and type and not one byte of body, though the app gives one."""
    for target in (ask.promise("page"), "/file"):
        no_body_for_head(ask, target)


@question(THEME, "HEAD, no length")
def head_without_length(ask: Ask) -> None:
    """The same for a body whose length nobody knows: the app does not say it, or layers change it."""
    for target in (ask.promise("unsized"), "/content"):
        no_body_for_head(ask, target)


def no_body_for_head(ask: Ask, target: str) -> None:
    """The page's head, and nothing after it until the server closes."""
    with ask.connection() as connection:
        answer = connection.ask(target, "HEAD")
        assert connection.ended(), "a body after HEAD"
    assert answer.status == 200
    assert answer.get("Content-Type").startswith("text/")


@question(THEME, "204")
def no_content(ask: Ask) -> None:
    """204 has no body and no length, though the app gives one."""
    with ask.connection() as connection:
        answer = connection.ask(ask.promise("204"))
        assert connection.ended(), "a body after 204"
    assert answer.status == 204
    assert not answer.all("Transfer-Encoding")
    assert answer.get("Content-Length") in ("", "0")


@question(THEME, "304")
def not_modified(ask: Ask) -> None:
    """304 has the validators and no body, the app's own as well as ConditionalGet's."""
    etag = ask("/content").get("ETag")
    for target, fields in ((ask.promise("304"), ()), ("/content", (("If-None-Match", etag),))):
        with ask.connection() as connection:
            answer = connection.ask(target, fields=fields)
            assert connection.ended(), "a body after 304"
        assert answer.status == 304
        assert answer.get("ETag") == (etag if fields else '"1"')
        assert not answer.all("Transfer-Encoding")
