"""How Sphinx builds these pages: `make docs`."""

import re
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
warnings.filterwarnings("ignore", category=UserWarning, message=".*non-interactive.*")

HERE = Path(__file__).parent
version_file = HERE.parent / "nncore" / "_version.py"

project = "nncore"
author = "nncore developers"
copyright = author
release = re.search(r'__version__ = "(.+?)"', version_file.read_text())[1]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "sg_execution_times.rst"]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
# Links to files of the repository are for who reads it there.
suppress_warnings = ["myst.xref_missing", "config.cache"]

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
default_role = "code"

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "tutorials",
    "filename_pattern": r"/\d_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 10_000,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "image_srcset": ["2x"],
}

html_theme = "furo"
html_title = f"nncore {release}"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072B2"},
    "dark_css_variables": {"color-brand-primary": "#56B4E9"},
}
