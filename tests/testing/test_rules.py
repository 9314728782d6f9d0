from __future__ import annotations

from wsgikit.testing.rules import RULES, as_markdown


def test_every_rule_is_a_sentence_with_a_source():
    for code, rule in RULES.items():
        assert rule.code == code
        assert rule.text.endswith(".")
        assert rule.text[0].isupper() or rule.text.startswith(
            ("environ", "exc_info", "len", "start_", "write", "wsgi.")
        )
        assert rule.source.startswith(("PEP 3333, ", "RFC "))
        assert rule.side in ("app", "server")


def test_the_table_for_the_docs_has_a_row_for_each_rule():
    rows = as_markdown().splitlines()
    assert len(rows) == 2 + len(RULES)
    assert all(row.count(" | ") == 3 for row in rows)
