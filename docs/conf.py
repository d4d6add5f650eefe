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
napoleon_use_ivar = True
default_role = "code"

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "tutorials",
    "filename_pattern": r"/\d_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "capture_repr": (),
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


def as_text(app, what, name, thing, options, lines):
    """Docstrings are plain text: what stands outside of backquotes is no markup."""
    is_example = False
    for i, line in enumerate(lines):
        is_example = bool(line.strip()) and (is_example or ">>>" in line)
        if is_example:
            continue
        bullet = re.match(r"\s*(\* )?", line)[0]
        parts = line[len(bullet) :].split("`")
        parts[::2] = [
            re.sub(r"(?<=\w)_(?!\w)", r"\\_", re.sub(r"([|*\\])", r"\\\1", part))
            for part in parts[::2]
        ]
        lines[i] = bullet + "`".join(parts)


def is_foreign(app, what, name, thing, skip, options):
    """Leave out what scikit-learn adds to its estimators."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app):
    """Before napoleon reads them, docstrings become text."""
    app.connect("autodoc-process-docstring", as_text, priority=100)
    app.connect("autodoc-skip-member", is_foreign)
