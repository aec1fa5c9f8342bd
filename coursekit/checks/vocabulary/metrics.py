"""Numbers that have to reach a recorded limit."""

from coursekit.checks.framework import threshold
from coursekit.checks.report import Finding


def at_least(id, name, share, what, advice, points=1):
    """The finding that a share reaches its recorded limit.

    Parameters
    ----------
    id, name : str
        Exercise and name of the recorded number; the name is the finding's code too.
    share : float
        What was measured, 0 to 1.
    what, advice : str
        What the share is of ("of 400 fresh points are right"), and what to do where it is too small.
    """
    limit = threshold(id, name)
    passed = share >= limit
    message = f"{share:.1%} {what}; {limit:.1%} {'were' if passed else 'are'} asked for."
    return Finding(name, passed, message if passed else f"{message} {advice}", points=points, seen={name: share})
