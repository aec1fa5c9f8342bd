"""How reports, hints and the map of the course look: as HTML in a notebook, as text elsewhere.

Plain functions of what they show. Colours are Okabe and Ito's, told apart by colour-blind readers; the marks say the
same without colour.
"""

import base64
from html import escape

_BLUE = "#0072B2"
_NEUTRAL = "#7F7F7F"
_GREEN = "#009E73"
_ORANGE = "#D55E00"
# Status -> colour and mark.
_LOOK = {"passed": (_GREEN, "✓"), "failed": (_ORANGE, "✗"), "not attempted": (_NEUTRAL, "○")}


def report_text(report):
    """A report in lines: the verdict, then one line a finding."""
    points = f"{number(report.score)} of {number(report.points)} points"
    head = f"{report.exercise} {report.title}: {report.status} ({points})"
    marks = [f"  {'+' if found.passed else '-'} {found.message}" for found in report.findings]
    return "\n".join([head, *marks])


def report_html(report):
    """A report as a card."""
    colour, mark = _LOOK[report.status]
    waiting = report.status == "not attempted"
    rows = "".join(
        '<div style="display:flex;gap:0.6em;margin:0.35em 0">'
        f'<span style="{_badge(_GREEN if finding.passed else colour)};'
        'width:1.3em;height:1.4em;text-align:center;flex:none">'
        f"{'✓' if finding.passed else mark}</span>"
        f'<span style="flex:1">{_prose(finding.message)}'
        + (
            ""
            if finding.passed or waiting
            else f' <code style="opacity:0.75;font-size:85%">{escape(finding.code)}</code>'
        )
        + "</span></div>"
        for finding in report.findings
    )
    return (
        f'<div role="status" style="border:1px solid {colour};border-left-width:6px;border-radius:4px;'
        'padding:0.5em 0.9em;margin:0.3em 0;max-width:52em;line-height:1.4">'
        '<div style="display:flex;gap:0.6em;align-items:baseline">'
        f"<strong>{escape(report.exercise)} · {escape(report.title)}</strong>"
        f'<span style="{_badge(colour)};padding:0 0.5em;margin-left:auto;white-space:nowrap">{mark} '
        f"{escape(report.status)}</span>"
        f'<span style="opacity:0.75;white-space:nowrap">{number(report.score)} / {number(report.points)}</span>'
        f"</div>{rows}</div>"
    )


def _badge(colour):
    """Black on the colour: read on light and on dark pages, where the colour as a text would be too faint."""
    return f"background:{colour};color:#000;border-radius:3px;font-weight:bold"


def number(value):
    """Points without needless zeros: 1.5, 2."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _prose(message):
    """Escape a message for HTML and set what stands between backticks as code."""
    parts = escape(message).split("`")
    if len(parts) % 2 == 0:  # an unpaired backtick: leave the text as it is
        return escape(message)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


class Card:
    """A piece of text, with a picture or not, that shows in a notebook and in a terminal."""

    def __init__(self, title, text, picture=None, alt=""):
        self.title, self.text, self.picture, self.alt = title, text, picture, alt

    def __str__(self):
        return f"{self.title}: {self.text}"

    __repr__ = __str__

    def _repr_html_(self):
        image = ""
        if self.picture is not None:
            data = base64.b64encode(self.picture).decode()
            image = f'<img alt="{escape(self.alt)}" style="max-width:100%" src="data:image/png;base64,{data}">'
        return (
            f'<div style="border:1px solid {_NEUTRAL};border-left:6px solid {_BLUE};border-radius:4px;'
            f'padding:0.5em 0.9em;margin:0.3em 0;max-width:52em;line-height:1.4"><strong>{escape(self.title)}</strong>'
            f"<div>{_prose(self.text)}</div>{image}</div>"
        )


def map_text(lines, following):
    """The map of the course in lines.

    Parameters
    ----------
    lines : list of tuple
        For each notebook its number; its title, how long it takes and a link to it ("" where unknown); pairs of an
        exercise and its status; the score and the points of all of them.
    following : Exercise or None
        The one to do next.
    """
    text = []
    for number, _, marks, score, points in lines:
        dots = " ".join(f"{_LOOK[status][1]}{item.id.split('.')[1]}" for item, status in marks)
        text.append(f"{number:>4}  {dots:<40} {score:g} of {points:g} points")
    text.append(f"Next: {following.id} {following.title}" if following else "Every exercise is passed.")
    return "\n".join(text)


def map_html(lines, following):
    """The map of the course as a table; see `map_text`."""
    rows, after = "", "Every exercise is passed."
    for number, (title, time, link), marks, score, points in lines:
        cells = "".join(_chip(item, status, item is following) for item, status in marks)
        head = _linked(title, link) + (f'<br><span style="font-weight:normal">{time}</span>' if time else "")
        rows += (
            f'<tr><th scope="row" style="text-align:left">{head}</th>'
            f'<td style="text-align:left">{cells}</td><td style="text-align:right;white-space:nowrap">{score:g} / '
            f"{points:g}</td></tr>"
        )
        if following and following.id.split(".")[0] == number:
            after = f"Next: {_linked(f'{following.id} {following.title}', link)}"
    return f"<table>{rows}</table><p>{after}</p>"


def _linked(text, link):
    """The text as a link in the theme's own colour of text, so that it reads on light and on dark."""
    look = "color:inherit;text-decoration:underline"
    return f'<a href="{escape(link)}" style="{look}">{escape(text)}</a>' if link else f"<b>{escape(text)}</b>"


def _chip(item, status, following):
    """One exercise on the map. The text keeps the theme's own colour, so that it reads on light and on dark."""
    colour, mark = _LOOK[status]
    edge = f"2px solid {_BLUE}" if following else f"1px solid {colour}"
    return (
        f'<span title="{escape(item.title)}: {status}" style="display:inline-block;min-width:2.1em;text-align:center;'
        f"margin:1px 2px;border-radius:4px;border:{edge};"
        f'border-bottom-width:4px">{mark}&nbsp;{item.id.split(".")[1]}</span>'
    )
