"""Late and bonus rules: one small TOML file, and a pure function from a result to its score, line by line.

    cap = 1.0                                  # the total of a notebook is at most this share of its maximum

    [late]
    deadline = 2026-11-30T23:59:00+01:00
    grace_minutes = 15                         # who is later than this is late since the deadline
    per_day = 0.1                              # share of the points that every started day costs
    at_most = 0.5                              # and never more than this

    [late.deadlines]                           # other deadlines for single notebooks
    "02" = 2026-12-07T23:59:00+01:00

    [late.extensions]                          # a student's own deadline, for every notebook or for some
    anna = 2026-12-03T23:59:00+01:00
    "ben" = { "02" = 2026-12-10T23:59:00+01:00 }

    [late.submitted]                           # when a file came in, where the learning platform's zip does not say
    carla = 2026-12-01T10:30:00+01:00

    [bonus]                                    # extra points for a pass
    "03.5" = 1.0

    [points]                                   # what an exercise is worth, where not what the course says
    "03.6" = 0

Every part may be left out.
"""

import math
import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

DAY = timedelta(days=1)


class RulesError(Exception):
    """The file of rules cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Rules:
    """What `read` returns; `Rules()` changes nothing. Moments have a time zone."""

    deadline: datetime | None = None  # where there is none, nothing is late
    deadlines: dict = field(default_factory=dict)  # notebook -> moment, before `deadline`
    extensions: dict = field(default_factory=dict)  # student -> moment, or notebook -> moment; before both
    submitted: dict = field(default_factory=dict)  # in the same form; before what the submission says
    grace_minutes: float = 0.0
    per_day: float = 0.0
    at_most: float = 1.0
    bonus: dict = field(default_factory=dict)  # exercise -> points
    points: dict = field(default_factory=dict)  # exercise -> points
    cap: float | None = None  # share of the maximum of a notebook that its total cannot pass


@dataclass(frozen=True)
class Line:
    """One line of a score: ``kind`` is "exercise", "bonus", "late", "cap" or "note"."""

    kind: str
    text: str
    points: float = 0.0
    exercise: str = ""


@dataclass(frozen=True)
class Score:
    """What a result is worth. ``total = earned + bonus + late + cap``, of which late and cap are 0 or less."""

    lines: tuple
    exercises: dict  # id -> (score, maximum)
    earned: float
    bonus: float
    late: float
    cap: float
    total: float
    maximum: float
    days_late: int


def read(path, known=()):
    """Read the file of rules.

    Parameters
    ----------
    path : path
    known : iterable of str
        The ids of the course's exercises; with them, an id that is not among them is refused.

    Returns
    -------
    Rules

    Raises
    ------
    RulesError
        With one sentence that says which key, what was seen and what was expected.
    """
    path = Path(path)
    try:
        return parse(path.read_text(encoding="utf-8-sig"), known)
    except FileNotFoundError:
        raise RulesError(f"There is no file {path}. Give the path of a TOML file with the rules.") from None
    except IsADirectoryError:
        raise RulesError(f"{path} is a folder. Give the path of a TOML file with the rules.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{path.name} cannot be read as UTF-8 text ({error}). Save it as UTF-8.") from None
    except RulesError as error:
        raise RulesError(f"{path.name}: {error}") from None


def parse(text, known=()):
    """`Rules` from the text of a file; see `read`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"this is not TOML: {error}. Write lines such as `per_day = 0.1`.") from None
    _only(table, "", ("late", "bonus", "points", "cap"))
    late = _table(table, "", "late")
    _only(late, "late.", ("deadline", "deadlines", "extensions", "submitted", "grace_minutes", "per_day", "at_most"))
    deadlines = _table(late, "late.", "deadlines")
    extensions = _table(late, "late.", "extensions")
    known = frozenset(known)
    numbers = frozenset(id.split(".")[0] for id in known)
    for name in deadlines:
        _known(f"late.deadlines.{name!r}", name, numbers, "notebook")
    submitted = _table(late, "late.", "submitted")
    late_costs = late.get("deadline") is not None or deadlines
    if late and not late_costs and (extensions or "per_day" in late):
        raise RulesError("late.deadline is missing: write `deadline = 2026-11-30T23:59:00+01:00` under [late].")
    return Rules(
        deadline=_moment("late.deadline", late["deadline"]) if "deadline" in late else None,
        deadlines={name: _moment(f"late.deadlines.{name!r}", when) for name, when in deadlines.items()},
        extensions=_by_student("late.extensions", extensions, numbers),
        submitted=_by_student("late.submitted", submitted, numbers),
        grace_minutes=_number(late, "late.", "grace_minutes", 0.0),
        per_day=_number(late, "late.", "per_day", 0.0, 1.0),
        at_most=_number(late, "late.", "at_most", 1.0, 1.0),
        bonus=_by_exercise(table, "bonus", known),
        points=_by_exercise(table, "points", known),
        cap=_number(table, "", "cap", None),
    )


def _by_student(key, table, numbers):
    """A moment for every student, or one for each of some notebooks."""
    moments = {}
    for student, what in table.items():
        if isinstance(what, dict):
            for name in what:
                _known(f"{key}.{student}.{name!r}", name, numbers, "notebook")
            moments[student] = {name: _moment(f"{key}.{student}.{name!r}", when) for name, when in what.items()}
        else:
            moments[student] = _moment(f"{key}.{student}", what)
    return moments


def apply(rules, result, exercises):
    """The score of one result, line by line. A pure function.

    Every exercise gives its points (scaled, where the rules give it another worth); a pass of an exercise with a
    bonus adds it; lateness takes its share of both; the cap comes last.

    Parameters
    ----------
    rules : Rules
    result : Result
        One graded notebook of one student.
    exercises : list of (id, title, points)
        The exercises of the course; those of the result's notebook count.

    Returns
    -------
    Score
    """
    lines, scores = [], {}
    earned = bonus = 0.0
    mine = [item for item in exercises if item[0].split(".")[0] == result.notebook]
    for id, title, points in mine:
        worth = float(rules.points.get(id, points))
        report = result.reports.get(id)
        of = report.points if report and report.points else points
        share = report.score / of if report and of else 0.0
        score = min(max(share, 0.0), 1.0) * worth if math.isfinite(share) else 0.0
        scores[id] = (score, worth)
        earned += score
        lines.append(Line("exercise", title, score, id))
        if report and report.passed and rules.bonus.get(id):
            bonus += rules.bonus[id]
            lines.append(Line("bonus", f"Bonus for a pass of {id}", rules.bonus[id], id))
    maximum = sum(worth for _, worth in scores.values())
    days, line = lateness(rules, result)
    late = 0.0
    if days:
        share = min(rules.at_most, rules.per_day * days)
        late = -share * (earned + bonus)
        started = "1 started day" if days == 1 else f"{days} started days"
        most = ", which is the most that lateness costs" if rules.per_day * days > rules.at_most else ""
        lines.append(Line("late", f"{line}: {started} late, {share:.0%} of the points{most}", late))
    elif line:
        lines.append(Line("note", line))
    total, cap = earned + bonus + late, 0.0
    if rules.cap is not None and total > rules.cap * maximum:
        cap = rules.cap * maximum - total
        lines.append(Line("cap", f"The total is capped at {rules.cap:.0%} of {maximum:g} points", cap))
    # 0.1 + 0.2 must not show as 0.30000000000000004 in a spreadsheet, nor decide about a rounded mark.
    tidy = lambda value: round(value, 6) + 0.0  # noqa: E731
    return Score(
        tuple(lines),
        {id: (tidy(score), worth) for id, (score, worth) in scores.items()},
        *(tidy(value) for value in (earned, bonus, late, cap, total + cap, maximum)),
        days_late=days,
    )


def lateness(rules, result):
    """Started days after the deadline, and a sentence about it ("" where nothing is to be said).

    A day is 24 hours from the deadline on, whatever the clocks do; the comparison is of moments, so the zones of the
    two times do not matter. A time of submission without a zone is taken in the zone of the deadline.
    """
    extended = _own(rules.extensions, result)
    deadline = extended or rules.deadlines.get(result.notebook, rules.deadline)
    if deadline is None:
        return 0, ""
    known = _own(rules.submitted, result)
    submitted = known.isoformat() if known else result.submitted
    if not submitted:
        return 0, "The time of submission is not known; it counts as in time"
    try:
        moment = datetime.fromisoformat(submitted)
    except (TypeError, ValueError):
        return 0, "The time of submission cannot be read; it counts as in time"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=deadline.tzinfo)
    moment = moment.astimezone(deadline.tzinfo)
    over = moment - deadline
    text = f"Handed in {moment:%Y-%m-%d %H:%M}, due {deadline:%Y-%m-%d %H:%M}{' (extended)' if extended else ''}"
    if over <= timedelta(minutes=rules.grace_minutes):
        if over > timedelta(0):
            return 0, f"{text}: within {rules.grace_minutes:g} minutes of grace"
        return 0, f"{text}: in time" if extended else ""
    return math.ceil(over / DAY), text


def strangers(rules, results):
    """The names in the tables of students that are no student's, such as one with a typing error."""
    return sorted({*rules.extensions, *rules.submitted} - {result.student for result in results})


def _own(moments, result):
    """The moment of this student for this notebook, if any."""
    own = moments.get(result.student)
    return own.get(result.notebook) if isinstance(own, dict) else own


def _only(table, prefix, names):
    for key in table:
        if key not in names:
            raise RulesError(f"{prefix}{key} is no rule. There are: {', '.join(prefix + name for name in names)}.")


def _table(table, prefix, key):
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise RulesError(f"{prefix}{key} is {_shown(value)}; a table was expected. Write `[{prefix}{key}]`.")
    return value


def _moment(key, value):
    if not isinstance(value, datetime):
        raise RulesError(f"{key} is {_shown(value)}; a date with time and zone was expected, as in "
                         "2026-11-30T23:59:00+01:00, without quotation marks.")  # fmt: skip
    if value.tzinfo is None:
        raise RulesError(f"{key} is {_shown(value)}, without a time zone. Write it as {value.isoformat()}+01:00.")
    return value


def _number(table, prefix, key, default, most=None):
    value = table.get(key, default)
    if value is None:
        return None
    real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not real or value < 0 or (most is not None and value > most):
        wanted = f"a number from 0 to {most:g}" if most is not None else "a number, 0 or more,"
        raise RulesError(f"{prefix}{key} is {_shown(value)}; {wanted} was expected.")
    return float(value)


def _by_exercise(table, key, known):
    values = _table(table, "", key)
    for id, value in values.items():
        if isinstance(value, dict):
            raise RulesError(f'{key}.{id} is a table; put the id in quotation marks: `"{id}.{next(iter(value), 1)}" = '
                             "1.0`.")  # fmt: skip
        _known(f"{key}.{id!r}", id, known, "exercise")
    return {id: _number(values, f"{key}.", id, None) for id in values}


def _known(key, name, known, what):
    if known and name not in known:
        raise RulesError(f"{key} names no {what} of the course. There are: {', '.join(sorted(known))}.")


def _shown(value):
    text = value.isoformat() if hasattr(value, "isoformat") else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
