"""The check of notebooks/start_here.ipynb: one tiny exercise, on which a student meets check, hint and card."""

from coursekit.checks.codec import RemoteObject
from coursekit.checks.framework import exercise, fail_if
from coursekit.checks.vocabulary.arrays import as_number, check_array, type_name

MARGINS = {}


@exercise("00s.1")
def five_sessions(student, rng):
    """A number of hours: five sessions of 90 minutes."""
    given = student.value("hours")
    fail_if(isinstance(given, tuple | list) and len(given) == 2, "comma.wrong-shape", given=given)
    fail_if(isinstance(given, str), "text.wrong-type", given=given)
    fail_if(isinstance(given, RemoteObject), "wrong-type", type=type_name(given))
    hours = as_number(given, "`hours`")
    fail_if(abs(hours - 7.3) < 1e-9, "hours-and-minutes")
    mistakes = {"minutes": 450, "one-session": 1.5, "minutes-of-one": 90}
    yield check_array("hours", "`hours`", hours, 7.5, mistakes, 1, otherwise="another")
