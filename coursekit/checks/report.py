"""What a check found, and how it is shown in a notebook and in a terminal."""

import os
from dataclasses import asdict, dataclass, field
from html import escape

PASSED = "passed"
FAILED = "failed"
NOT_ATTEMPTED = "not attempted"


def grader():
    """What runs this kernel: "coursekit" (`coursekit grade`), nbgrader's "autograde" or "validate", "" for a person."""
    if os.environ.get("COURSEKIT_GRADING") == "1":
        return "coursekit"
    # nbgrader 0.9.6 sets both while it validates; older ones set the first alone.
    return "validate" if os.environ.get("NBGRADER_VALIDATING") else os.environ.get("NBGRADER_EXECUTION", "")


@dataclass(frozen=True)
class Finding:
    """One thing that a check looked at.

    Parameters
    ----------
    code : str
        Stable name of the finding, such as "linear-model".
    passed : bool
        Whether it holds.
    message : str
        One or two sentences: what was seen, with the numbers, and what to try next.
    points : float
        What it adds to the score when it holds.
    seen : dict of str to float
        The measured numbers, by name. Thresholds are recorded from these.
    note : bool
        Advice beside the verdict: it holds and is worth nothing, and is shown without the mark of praise.
    """

    code: str
    passed: bool
    message: str
    points: float = 0.0
    seen: dict = field(default_factory=dict)
    note: bool = False

    def __post_init__(self):
        # A comparison of NumPy values gives numpy.bool; JSON and `is True` want Python's own.
        object.__setattr__(self, "passed", bool(self.passed))
        object.__setattr__(self, "seen", {name: float(value) for name, value in self.seen.items()})


@dataclass(frozen=True)
class Report:
    """The verdict of one check: ``status`` is "passed", "failed" or "not attempted"."""

    exercise: str
    title: str
    status: str
    score: float
    points: float
    findings: tuple = ()
    seed: int = 0

    @property
    def passed(self):
        return self.status == PASSED

    @property
    def codes(self):
        """Codes of the findings that do not hold, in the order they were found."""
        return tuple(finding.code for finding in self.findings if not finding.passed)

    def to_dict(self):
        return asdict(self)

    def __str__(self):
        head = f"{self.exercise} {self.title}: {self.status} ({_number(self.score)} of {_number(self.points)} points)"
        marks = [
            f"  {'!' if finding.note else '+' if finding.passed else '-'} {finding.message}"
            for finding in self.findings
        ]
        return "\n".join([head, *marks])

    __repr__ = __str__

    def _repr_pretty_(self, printer, cycle):
        # nbgrader reads the plain text of a graded cell: a number is the score, any other text full marks.
        printer.text(f"{self.score:.6g}" if grader() in ("autograde", "validate") else str(self))

    def _repr_html_(self):
        colour, mark = _LOOK[self.status]
        waiting = self.status == NOT_ATTEMPTED
        rows = "".join(
            '<div style="display:flex;gap:0.6em;margin:0.35em 0">'
            f'<span style="{_badge(_row(finding, colour))};width:1.3em;height:1.4em;text-align:center;flex:none">'
            f"{'!' if finding.note else '✓' if finding.passed else mark}</span>"
            f'<span style="flex:1">{_prose(finding.message)}'
            + (
                ""
                if finding.passed or waiting
                else f' <code style="opacity:0.75;font-size:85%">{escape(finding.code)}</code>'
            )
            + "</span></div>"
            for finding in self.findings
        )
        return (
            f'<div role="status" style="border:1px solid {colour};border-left-width:6px;border-radius:4px;'
            'padding:0.5em 0.9em;margin:0.3em 0;max-width:52em;line-height:1.4">'
            '<div style="display:flex;gap:0.6em;align-items:baseline">'
            f"<strong>{escape(self.exercise)} · {escape(self.title)}</strong>"
            f'<span style="{_badge(colour)};padding:0 0.5em;margin-left:auto;white-space:nowrap">{mark} '
            f"{escape(self.status)}</span>"
            f'<span style="opacity:0.75;white-space:nowrap">{_number(self.score)} / {_number(self.points)}</span>'
            f"</div>{rows}</div>"
        )


# Okabe-Ito: told apart by colour-blind readers; the marks say the same without colour.
_OK = "#009E73"
_BAD = "#D55E00"
_NEUTRAL = "#7F7F7F"
_LOOK = {PASSED: (_OK, "✓"), FAILED: (_BAD, "✗"), NOT_ATTEMPTED: (_NEUTRAL, "○")}


def _badge(colour):
    """Black on the colour: read on light and on dark pages, where the colour as a text would be too faint."""
    return f"background:{colour};color:#000;border-radius:3px;font-weight:bold"


def note(code, message):
    """Advice beside the verdict, as a `Finding`."""
    return Finding(code, True, message, note=True)


def _row(finding, colour):
    return _NEUTRAL if finding.note else _OK if finding.passed else colour


def _number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _prose(message):
    """Escape a message for HTML and set what stands between backticks as code."""
    parts = escape(message).split("`")
    if len(parts) % 2 == 0:  # an unpaired backtick: leave the text as it is
        return escape(message)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
