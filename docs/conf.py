"""Sphinx reads this."""

from importlib.metadata import version as _version
from pathlib import Path

from wsgikit.testing.rules import as_markdown

project = "wsgikit"
author = "The wsgikit authors"
copyright = "2026, the wsgikit authors"  # noqa: A001
release = _version("wsgikit")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_generated"]
html_theme = "furo"
html_title = "wsgikit"
myst_heading_anchors = 3
myst_footnote_sort = False  # each stays under its table
myst_enable_extensions = ["colon_fence", "deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
nitpicky = False

# The checker and the documentation are one text.
_generated = Path(__file__).parent / "_generated"
_generated.mkdir(exist_ok=True)
(_generated / "lint-rules.md").write_text(as_markdown())
