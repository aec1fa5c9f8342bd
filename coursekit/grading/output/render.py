"""Templates, and texts as they stand in a page."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from coursekit.checks.cards import number
from coursekit.grading.output.cells import clean


def cut(text, most, bare=False):
    text = str(text)
    rest = "" if bare else f" ({len(text) - most} more characters)"
    return text if len(text) <= most else f"{text[:most].rstrip()} …{rest}"


def prose(message):
    """A sentence with what stands between backticks as code."""
    parts = cut(clean(message), 1500).split("`")
    if len(parts) % 2 == 0:
        return Markup("{}").format("`".join(parts))
    pieces = [Markup("<code>{}</code>" if i % 2 else "{}").format(part) for i, part in enumerate(parts)]
    return Markup("").join(pieces)


@cache
def _environment():
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str)
        else clean(value),
    )  # fmt: skip
    environment.filters |= {"cut": cut, "number": number, "prose": prose}
    environment.globals["style"] = Markup((folder / "style.css").read_text(encoding="utf-8"))
    return environment


def render(name, **values):
    return _environment().get_template(name).render(**values)
