"""Sphinx's configuration; `make docs` builds with it, and takes every warning for an error."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "sentri"
author = "sentri contributors"
copyright = "sentri contributors"
version = release = installed_version("sentri-auth")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sentri_tables"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "description"

html_theme = "furo"
pygments_dark_style = "monokai"  # the usual one underlines modules, as if they were links
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"sentri {release}"
