from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsgikit.responses.bodies.stylesheet import Stylesheet, TransformError


def sheet(template: str = "<r><xsl:value-of select='a'/></r>", top: str = "") -> str:
    return (
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
        'xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl">\n'
        f'{top}\n<xsl:template match="/">{template}</xsl:template>\n</xsl:stylesheet>'
    )


def result(
    source: str | bytes, document: bytes = b"<a>x</a>", encoding: str | None = None, **params: Any
) -> Any:
    return Stylesheet(source, None).transform(document, encoding, params)


# ---- O1: output


@pytest.mark.parametrize(
    ("output", "template", "kind", "content"),
    [
        ("", "<r/>", "text/xml; charset=utf-8", b'<?xml version="1.0"?>\n<r/>\n'),
        ("", "<html><br/></html>", "text/html; charset=utf-8", b"<html><br></html>\n"),
        ("", "<HTML/>", "text/html; charset=utf-8", b"<HTML></HTML>\n"),
        ('<xsl:output method="html"/>', "<p>é</p>", "text/html; charset=utf-8", "<p>é</p>\n".encode()),
        ('<xsl:output method="text" encoding="iso-8859-1"/>', "é", "text/plain; charset=iso-8859-1", b"\xe9"),
        (
            '<xsl:output method="xml" encoding="iso-8859-1" media-type="application/atom+xml"/>',
            "<r>é€</r>",
            "application/atom+xml; charset=iso-8859-1",
            b'<?xml version="1.0" encoding="iso-8859-1"?>\n<r>\xe9&#8364;</r>\n',
        ),
        ('<xsl:output omit-xml-declaration="yes"/>', "<r/>", "text/xml; charset=utf-8", b"<r/>\n"),
        (
            '<xsl:output method="html"/><xsl:output media-type="text/x"/>',
            "<r/>",
            "text/x; charset=utf-8",
            b"<r></r>\n",
        ),
        ("", "", "text/xml; charset=utf-8", b""),
    ],
)
def test_O1_type_and_encoding_are_those_of_xsl_output(
    output: str, template: str, kind: str, content: bytes
) -> None:
    assert result(sheet(template, output)) == (content, kind)


def test_content_type_is_known_ahead_where_the_stylesheet_says_it() -> None:
    assert Stylesheet(sheet(), None).content_type is None
    assert (
        Stylesheet(sheet(top='<xsl:output method="text"/>'), None).content_type == "text/plain; charset=utf-8"
    )


def test_output_of_what_is_imported_is_overridden(tmp_path: Path) -> None:
    (tmp_path / "base.xsl").write_text(sheet("<r/>", '<xsl:output method="html" encoding="iso-8859-1"/>'))
    main = tmp_path / "main.xsl"
    main.write_text(sheet("<r/>", '<xsl:import href="base.xsl"/><xsl:output method="xml"/>'))
    assert Stylesheet(main.read_bytes(), str(main)).content_type == "text/xml; charset=iso-8859-1"


# ---- O1: parameters


@pytest.mark.parametrize("value", ["it's", 'a "b"', 'it\'s "both"', "'] | //* | ['", "", "naïve €", "<&>"])
def test_O1_text_stays_text_whatever_quotes_it_has(value: str) -> None:
    source = sheet(
        "<xsl:value-of select='$p'/>", '<xsl:param name="p"/><xsl:output method="text" encoding="utf-8"/>'
    )
    content, _ = result(source, p=value)
    assert content.decode() == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "4"),
        (2.5, "3.5"),
        (True, "2"),
        (False, "1"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_O1_numbers_and_booleans_are_XPaths(value: Any, shown: str) -> None:
    source = sheet("<xsl:value-of select='$p + 1'/>", '<xsl:param name="p"/><xsl:output method="text"/>')
    assert result(source, p=value)[0].decode() == shown


def test_O1_text_with_a_control_character_is_an_error_of_the_request() -> None:
    with pytest.raises(TransformError, match="control characters"):
        result(sheet(top='<xsl:param name="p"/>'), p="\x00")


@pytest.mark.parametrize("value", [None, b"x", ["x"]])
def test_other_parameters_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="XSLT: params gave"):
        result(sheet(top='<xsl:param name="p"/>'), p=value)


# ---- O1: closed to files and network


def test_O1_document_reads_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<a>secret</a>")
    for where in (f"'{secret.as_uri()}'", f"'{secret}'", "'http://localhost/'", "'ftp://localhost/'"):
        with pytest.raises(TransformError, match=r"refused|denied|network"):
            result(sheet(f'<xsl:copy-of select="document({where})"/>'))


def test_O1_document_named_by_the_input_reads_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<a>secret</a>")
    with pytest.raises(TransformError):
        result(sheet('<xsl:copy-of select="document(a)"/>'), f"<a>{secret.as_uri()}</a>".encode())


@pytest.mark.parametrize("method", ["xml", "text"])
def test_O1_exsl_document_writes_no_file(tmp_path: Path, method: str) -> None:
    target = tmp_path / "written"
    with pytest.raises(TransformError, match=r"refused|denied"):
        result(sheet(f'<exsl:document href="{target}" method="{method}"><x/></exsl:document>'))
    assert not target.exists()


def test_stylesheet_may_include_files_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "part.xsl").write_text(sheet("<part/>"))
    main = tmp_path / "main.xsl"
    main.write_text(
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        '<xsl:include href="part.xsl"/></xsl:stylesheet>'
    )
    content, _ = Stylesheet(main.read_bytes(), str(main)).transform(b"<a/>", None, {})
    assert b"<part/>" in content


# ---- what documents may not do


def test_document_reads_no_external_entity_or_DTD(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    external = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'
    with pytest.raises(TransformError, match="declares entities"):
        result(sheet(), external.encode())
    (tmp_path / "a.dtd").write_text('<!ENTITY x "secret"><!ATTLIST a b CDATA "secret">')
    dtd = f'<!DOCTYPE a SYSTEM "{(tmp_path / "a.dtd").as_uri()}"><a>x</a>'
    assert b"secret" not in result(sheet("<xsl:copy-of select='.'/>"), dtd.encode())[0]


def test_document_that_declares_entities_is_refused_before_they_multiply() -> None:
    lines = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    with pytest.raises(TransformError):
        result(sheet(), f'<!DOCTYPE a [<!ENTITY l0 "lol">{lines}]><a>&l9;</a>'.encode())
    with pytest.raises(TransformError, match="declares entities"):
        result(sheet(), b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')


def test_document_nested_too_deep_is_refused() -> None:
    with pytest.raises(TransformError):
        result(sheet(), b"<a>" * 5000 + b"</a>" * 5000)


@pytest.mark.parametrize("document", [b"", b"text", b"<a>", b"<a></b>", b"<a>\xff</a>", b"<a/><b/>"])
def test_document_that_is_none_is_an_error_with_its_reason(document: bytes) -> None:
    with pytest.raises(TransformError, match="line 1"):
        result(sheet(), document)


def test_stylesheet_may_end_it() -> None:
    with pytest.raises(TransformError, match="enough"):
        result(sheet('<xsl:message terminate="yes">enough</xsl:message>'))


def test_stylesheet_that_never_ends_is_ended() -> None:
    with pytest.raises(TransformError):
        result(
            sheet(
                '<xsl:call-template name="t"/>',
                '<xsl:template name="t"><xsl:call-template name="t"/></xsl:template>',
            )
        )


# ---- encodings


@pytest.mark.parametrize(
    ("document", "encoding"),
    [
        ("<a>é</a>".encode(), None),
        ("<a>é</a>".encode("latin-1"), "iso-8859-1"),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>".encode("latin-1"), None),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>".encode(), "utf-8"),
        ("\ufeff<a>é</a>".encode("utf-16-le"), None),
    ],
)
def test_document_is_read_in_its_encoding(document: bytes, encoding: str | None) -> None:
    source = sheet("<xsl:value-of select='a'/>", '<xsl:output method="text" encoding="utf-8"/>')
    assert result(source, document, encoding)[0] == "é".encode()


def test_unknown_encoding_is_an_error() -> None:
    with pytest.raises(TransformError, match="nonsense"):
        result(sheet(), encoding="nonsense")


def test_text_of_a_stylesheet_has_no_encoding_whatever_it_declares() -> None:
    source = '<?xml version="1.0" encoding="iso-8859-1"?>' + sheet(
        "é", '<xsl:output method="text" encoding="utf-8"/>'
    )
    assert result(source)[0] == "é".encode()
    assert result(source.encode("latin-1"))[0] == "é".encode()


# ---- stylesheets that are wrong


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("<a>\n\n</b>", "line 3"),
        ("<a/>", "not a stylesheet"),
        ("<", "line 1"),
        (sheet("\n<xsl:value-of select='['/>"), "line 4.*'\\['"),
        (sheet("\n<xsl:foo/>"), "line 4.*xsl:foo"),
        (sheet(top="<xsl:include href='nowhere.xsl'/>"), "nowhere.xsl"),
        (sheet(top='<xsl:output media-type="a&#10;b"/>'), "cannot stand in a header"),
    ],
)
def test_wrong_stylesheet_is_refused_with_the_line(source: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Stylesheet(source, None)


# ---- what another says


@pytest.mark.parametrize(
    "output", ["", 'method="html" encoding="utf-8"', 'method="xml" indent="yes"', 'method="text"']
)
@pytest.mark.parametrize(
    "template",
    [
        "<html><head/><body>é€<br/><xsl:copy-of select='.'/></body></html>",
        "<r p='{$p}'><xsl:for-each select='a/b'><xsl:sort/><c><xsl:value-of select='.'/></c></xsl:for-each></r>",
    ],
)
def test_O1_result_is_the_one_of_xsltproc(
    output: str, template: str, tmp_path: Path, program: Callable[[str, str], str]
) -> None:
    source = sheet(template, f'<xsl:param name="p"/><xsl:output {output}/>')
    document = "<a><b>z</b><b>ä</b><b/></a>".encode()
    (tmp_path / "sheet.xsl").write_text(source)
    (tmp_path / "document.xml").write_bytes(document)
    done = subprocess.run(
        [program("xsltproc", "xsltproc"), "--stringparam", "p", "it's", "sheet.xsl", "document.xml"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert result(source, document, p="it's")[0] == done.stdout
