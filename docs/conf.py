"""Sphinx reads this."""

from importlib.metadata import version as _version

project = "wsgikit"
author = "The wsgikit authors"
copyright = "2026, the wsgikit authors"  # noqa: A001
release = _version("wsgikit")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "wsgikit"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
nitpicky = False
