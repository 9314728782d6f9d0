"""The columns of the tables, theme by theme in the order of docs/servers.md."""

from __future__ import annotations

from tests.servers.matrix.question import ASKED, Question
from tests.servers.matrix.questions import apps, bodies, failures, gateway, heads, identity, paths, uploads

THEMES = tuple(module.THEME for module in (paths, identity, uploads, heads, bodies, failures, gateway, apps))
QUESTIONS: dict[str, Question] = {
    asked.title: asked for theme in THEMES for asked in ASKED if asked.theme == theme
}
