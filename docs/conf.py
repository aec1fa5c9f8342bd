"""Sphinx's settings for the site; coursekit/site.py calls it."""

from importlib.util import find_spec
from pathlib import Path

from coursekit.build import settings

project = html_title = "Neural networks, exercise by exercise"
copyright = "the authors. Code: BSD-3-Clause. Prose and figures: CC BY 4.0"
language = "en"

extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath", "amsmath", "html_image", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks have their outputs
nb_ipywidgets_js = {}  # no widget managers from elsewhere
suppress_warnings = ["myst.header"]  # a notebook's parts may begin with a small heading
exclude_patterns = ["README.md", "try_it.md", "downloads"]

# One file of MathJax, with its fonts in it, out of the package that carries it.
_mathjax = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / "tex-svg.js"
html_static_path = [str(_mathjax), "_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
mathjax_path = "tex-svg.js"

html_theme = "sphinx_book_theme"
html_copy_source = False
html_show_sphinx = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_theme_options = {
    "navbar_persistent": [],  # the search stands in the sidebar
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "playground": []},
    "repository_url": f"https://github.com/{settings()['repository']}",
    "use_repository_button": True,
    "use_download_button": False,  # a page has its own links
    "show_toc_level": 2,
    "footer_content_items": ["copyright.html"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
