"""Numbers that have to reach a recorded limit."""

from coursekit.checks.framework import say, threshold
from coursekit.checks.report import Finding


def check_metric(id, name, value, points=1, form=".1%", most=False, beside=None, **fields):
    """The finding that a measured number reaches its recorded limit.

    Two sentences stand in the group `name`: "measured" says what was measured, with ``{value}`` where the number
    belongs; "advice" says what to do where it falls short.

    Parameters
    ----------
    id, name : str
        Exercise and name of the recorded number; the name is the finding's code too.
    value : float
        What was measured.
    form : str
        How the numbers are written, here and in what ``expected`` says of the limit. They are compared as they are
        written: whoever reads 21.5 and is asked for at most 21.5 has passed.
    most : bool
        Whether the number has to stay below the limit, as an error does.
    beside : dict of str to float, optional
        Further numbers that are recorded with it.
    **fields
        What else the sentences name.
    """
    said, limit = format(value, form), format(threshold(id, name), form)
    passed = _number(said) <= _number(limit) if most else _number(said) >= _number(limit)
    asked = f"at {'most' if most else 'least'} {limit} {'was' if passed else 'is'} asked for."
    message = f"{say(f'{name}.measured', value=said, **fields)}; {asked}"
    if not passed:
        message = f"{message} {say(f'{name}.advice', **fields)}"
    return Finding(name, passed, message, points=points, measured={name: value} | (beside or {}))


def _number(text):
    """The number that a text such as "97.0%" or "12,000" says; of a limit that is not recorded yet it is NaN."""
    return float(text.rstrip("%").replace(",", ""))
