"""Numbers that have to reach a recorded limit."""

from coursekit.checks.framework import threshold
from coursekit.checks.report import Finding


def check_limit(id, name, value, sentence, advice, points=1, form=".1%", most=False):
    """The finding that a measured number reaches its recorded limit.

    Parameters
    ----------
    id, name : str
        Exercise and name of the recorded number; the name is the finding's code too.
    value : float
        What was measured.
    sentence : str
        What it is of, with ``{}`` where the number belongs: "{} of 400 fresh points are right".
    advice : str
        What to do where it falls short.
    form : str
        How the numbers are written.
    most : bool
        Whether the number has to stay below the limit, as an error does.
    """
    limit = threshold(id, name)
    passed = value <= limit if most else value >= limit
    asked = f"at {'most' if most else 'least'} {limit:{form}} {'was' if passed else 'is'} asked for."
    message = f"{sentence.format(format(value, form))}; {asked}"
    return Finding(name, passed, message if passed else f"{message} {advice}", points=points, seen={name: value})
