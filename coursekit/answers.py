"""Whether a student's answers are there yet: what the given code of a notebook asks before it uses them."""

import dis
import inspect
from types import CodeType

from coursekit.checks.cards import Card


def ready(id, *answers):
    """Whether all answers that a cell needs are there; where one is missing, a card says which exercise comes first.

    Parameters
    ----------
    id : str
        The exercise that they belong to, e.g. "01.8".
    *answers
        Values, containers of values, functions and classes. Missing are `...` and whatever holds it, and a function
        that returns `...` or puts it into a variable, as an untouched stub does.

    Returns
    -------
    bool
    """
    if not any(is_missing(answer) for answer in answers):
        return True
    show(Card(id, f"This cell waits for exercise {id}. Run it again when you have answered it."))
    return False


def resume(name, otherwise):
    """A variable of the notebook that asks where an earlier session has made it, else what `otherwise` returns.

    So a session can be begun without the exercises of the ones before it.

    Parameters
    ----------
    name : str
    otherwise : callable
        Called without arguments where the notebook has no variable `name`, or has `...` in it.
    """
    own = inspect.currentframe().f_back.f_globals.get(name, ...)
    return otherwise() if is_missing(own) else own


def is_missing(answer):
    """Whether an answer is `...`, holds it, or is a function or a class that is still a stub."""
    if answer is ...:
        return True
    if isinstance(answer, dict):
        return any(is_missing(part) for part in answer.values())
    if isinstance(answer, list | tuple):
        return any(is_missing(part) for part in answer)
    if isinstance(answer, type):
        return any(_is_stub(getattr(part, "__code__", None)) for part in vars(answer).values())
    answer = getattr(answer, "python_function", answer)  # what `tf.function` has wrapped
    return _is_stub(getattr(answer, "__code__", None))


_TAKES = ("RETURN", "UNPACK", "STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL")


def _is_stub(code):
    """Whether compiled code returns `...` or puts it into a variable. An index such as `x[..., 0]` does neither."""
    if not isinstance(code, CodeType):
        return False
    steps = list(dis.get_instructions(code))
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        loads = step.opname in ("LOAD_CONST", "RETURN_CONST") and _is_ellipsis(step.argval)
        if loads and (step.opname == "RETURN_CONST" or after.opname.startswith(_TAKES)):
            return True
    return any(_is_stub(inner) for inner in code.co_consts)


def _is_ellipsis(constant):
    return constant is ... or isinstance(constant, tuple) and bool(constant) and all(part is ... for part in constant)


def show(card):
    """Show a card where the cell stands: in a notebook as HTML, elsewhere as text."""
    from IPython.display import display

    display(card)
