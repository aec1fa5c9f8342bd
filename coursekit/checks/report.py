"""What a check found, as plain data. How it looks stands in `cards`."""

from dataclasses import asdict, dataclass, field

from coursekit.checks import cards
from coursekit.session import grader

PASSED = "passed"
FAILED = "failed"
NOT_ATTEMPTED = "not attempted"


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
    """

    code: str
    passed: bool
    message: str
    points: float = 0.0
    measured: dict = field(default_factory=dict)

    def __post_init__(self):
        # A comparison of NumPy values gives numpy.bool; JSON and `is True` want Python's own.
        object.__setattr__(self, "passed", bool(self.passed))
        object.__setattr__(self, "seen", {name: float(value) for name, value in self.measured.items()})


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
        return cards.report_text(self)

    __repr__ = __str__

    def _repr_pretty_(self, printer, cycle):
        # nbgrader reads the plain text of a graded cell: a number is the score, any other text full marks.
        printer.text(f"{self.score:.6g}" if grader() in ("autograde", "validate") else str(self))

    def _repr_html_(self):
        return cards.report_html(self)
