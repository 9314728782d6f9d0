from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.responses.bodies.answering import Body, answering, in_pieces, start_nothing
from wsgikit.responses.bodies.xslt import XSLT
from wsgikit.testing import call, lint

if TYPE_CHECKING:
    from wsgikit.testing.call import Result

SHEET = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="html" encoding="utf-8"/>
  <xsl:param name="who" select="'nobody'"/>
  <xsl:template match="/list"><ul title="{$who}"><xsl:apply-templates select="item"/></ul></xsl:template>
  <xsl:template match="item"><li><xsl:value-of select="."/></li></xsl:template>
</xsl:stylesheet>
"""
DOCUMENT = b"<list><item>a</item><item>b</item></list>"
LIST = b'<ul title="nobody">\n<li>a</li>\n<li>b</li>\n</ul>\n'


def ask(body: Any = (DOCUMENT,), *headers: tuple[str, str], kind: str = "text/xml", **options: Any) -> Result:
    body = list(body) if isinstance(body, tuple) else body
    return call(lint(XSLT(answering(body, *headers, kind=kind), SHEET, **options)))


@pytest.mark.parametrize("body", [(DOCUMENT,), Body(in_pieces(DOCUMENT, 1))])
@pytest.mark.parametrize("kind", ["text/xml", "application/xml; charset=utf-8"])
def test_document_is_transformed(body: Any, kind: str) -> None:
    result = ask(body, kind=kind)
    assert result.body == LIST
    assert result.headers == [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(LIST))),
    ]


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("x-sjis", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ("unicode-1-1-utf-8", "utf-8"),
        ("iso-8859-8-i", "iso8859-8"),
        ("iso-8859-1", "cp1252"),
    ],
)
def test_O3_labels_mean_what_they_mean_to_browsers_not_to_libxml2(label: str, codec: str) -> None:
    text = {"cp932": "ソ", "cp949": "한", "utf-8": "é", "iso8859-8": "ש", "cp1252": "€"}[codec]
    document = f"<list><item>{text}</item></list>".encode(codec)
    result = ask((document,), kind=f"text/xml; charset={label}")
    assert result.status == 200
    assert f"<li>{text}</li>".encode() in result.body


def test_O3_bytes_that_are_no_text_in_such_an_encoding_are_answered_500() -> None:
    assert ask((b"<list><item>\x81</item></list>",), kind="text/xml; charset=x-sjis").status == 500


@pytest.mark.parametrize("kind", ["text/html", "application/rss+xml", "application/json"])
def test_O1_other_types_are_untouched(kind: str) -> None:
    body = [DOCUMENT]
    assert XSLT(answering(body, kind=kind), SHEET)({}, start_nothing) is body


def test_types_may_be_others() -> None:
    assert ask(kind="application/rss+xml", types="application/*+xml").body == LIST


def test_stylesheet_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "list.xsl"
    file.write_text(SHEET)
    for path in (file, str(file)):
        layer = XSLT(answering([DOCUMENT], kind="text/xml"), path)
        assert call(layer).body == LIST
        assert layer.stylesheet is path
    file.unlink()
    assert call(layer).body == LIST  # it was read


def test_O1_params_are_a_mapping_or_made_for_each_request() -> None:
    assert b'title="me"' in ask(params={"who": "me"}).body
    assert b'title="GET"' in ask(params=lambda environ: {"who": environ["REQUEST_METHOD"]}).body
    assert b'title="it\'s &quot;me&quot;"' in ask(params={"who": 'it\'s "me"'}).body


def test_exception_of_the_params_function_comes_out() -> None:
    with pytest.raises(KeyError):
        ask(params=lambda environ: environ["nothing"])


def test_charset_goes_before_the_documents_own_word_and_a_mark_before_both() -> None:
    declared = "<?xml version='1.0' encoding='utf-8'?><list><item>é</item></list>"
    assert "é".encode() in ask((declared.encode("latin-1"),), kind="text/xml; charset=iso-8859-1").body
    marked = ("\ufeff" + declared).encode()
    assert "é".encode() in ask((marked,), kind="text/xml; charset=iso-8859-1").body


@pytest.mark.parametrize("body", [(b"<list>",), Body([b"<list>"])])
def test_document_that_cannot_be_transformed_is_500_and_logged_once(
    body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    result = ask(body, ("ETag", '"a"'), ("Content-Length", "6"))
    assert (result.status, result.header("ETag")) == (500, None)
    assert b"could not be transformed" in result.body
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("wsgikit.responses", logging.ERROR)
    assert record.getMessage().startswith("XSLT: no result for /: ")
    assert "line 1" in record.getMessage()


def test_log_is_one_plain_line(caplog: pytest.LogCaptureFixture) -> None:
    layer = XSLT(answering(["<a></ä\u2028\x1b>".encode()], kind="text/xml"), SHEET)
    assert call(layer, path="/a%0Ab%C3%A4").status == 500
    (record,) = caplog.records
    assert record.getMessage().isascii()
    assert record.getMessage().isprintable()


def test_T6_document_beyond_the_size_goes_on_as_it_is() -> None:
    size = len(DOCUMENT)
    assert ask(max_size=size).body == LIST
    assert ask(max_size=size - 1).body == DOCUMENT
    result = ask(Body(in_pieces(DOCUMENT, 8)), max_size=size - 1)
    assert (result.body, result.header("Content-Type")) == (DOCUMENT, "text/xml")


def test_P9_head_has_the_type_of_get_where_the_stylesheet_tells() -> None:
    app = answering([DOCUMENT], ("Content-Length", "40"), kind="text/xml")
    assert call(XSLT(app, SHEET), "HEAD").headers == [("Content-Type", "text/html; charset=utf-8")]
    unsaid = SHEET.replace('method="html" ', "")
    assert call(XSLT(app, unsaid), "HEAD").headers == []


def test_threads_share_a_stylesheet() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [b"<list>%b</list>" % (b"<item>%d</item>" % environ["number"] * 50)]

    layer = XSLT(app, SHEET)
    wrong = []

    def work(number: int) -> None:
        for _ in range(20):
            content = b"".join(layer({"number": number}, start_nothing))
            if content.count(b"<li>%d</li>" % number) != 50:
                wrong.append(content)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("stylesheet", "said"),
    [
        ("nowhere.xsl", r"'nowhere\.xsl' .*No such file"),
        ("null\0byte.xsl", "null byte"),
        ("<a>\n</b>", "line 2"),
        (SHEET.replace("/list", "/["), "line 4"),
    ],
)
def test_wrong_stylesheet_is_refused_when_the_layer_is_built(stylesheet: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)XSLT: stylesheet=.*{said}"):
        XSLT(answering([]), stylesheet)


@pytest.mark.parametrize(
    "options",
    [
        {"stylesheet": 5},
        {"stylesheet": b"<a/>"},
        {"params": "who=me"},
        {"params": {"who": None}},
        {"params": {"who": b"me"}},
        {"params": {5: "me"}},
        {"max_size": 1.5},
    ],
)
def test_wrong_type_is_refused_by_name(options: Any) -> None:
    with pytest.raises(TypeError, match=f"XSLT: {next(iter(options))}="):
        XSLT(answering([]), **{"stylesheet": SHEET, **options})


def test_without_lxml_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from wsgikit.responses.bodies import stylesheet

    stylesheet._etree.cache_clear()
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(ImportError, match=r"wsgikit\[xml\]"):
        XSLT(answering([]), SHEET)
