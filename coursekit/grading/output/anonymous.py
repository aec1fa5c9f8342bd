"""A text without the names in it."""

import io
import re
import tokenize
from functools import cache

import numpy as np

from coursekit.grading.output.cells import clean

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_HANDLE = re.compile(r"(?<![\w.])\d{6,}(?![\w.])")


def anonymous(text, student, people=(), code=True):
    """The text without its author's name anywhere, without other people's names in comments, addresses, long numbers.

    Returns
    -------
    text : str
    changed : int
        How many places were blanked out.
    """
    changed = 0

    def blank(pattern, text, mark="▮▮▮"):
        nonlocal changed
        text, n = pattern.subn(mark, text)
        changed += n
        return text

    text = blank(_EMAIL, clean(text))
    own, others = _name_pattern([student]), _name_pattern(people)
    if code and others:
        pieces, at = [], 0
        for start, end in _comments(text):
            pieces += [text[at:start], blank(others, text[start:end])]
            at = end
        text = "".join([*pieces, text[at:]])
    if own:
        text = blank(own, text)
    # Only whole numbers of six digits and more: a matriculation number, hardly a count in an exercise.
    return blank(_HANDLE, text), changed


@cache
def _names_pattern(names):
    # One name may sit in an identifier (anna_model), so that only letters end it.
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(map(re.escape, names))})(?![^\W\d_])", re.IGNORECASE)


def _name_pattern(people):
    words = {w for p in people for w in re.findall(r"[^\W\d_]{3,}|\w*\d\w*", clean(p)) if len(w) > 2}
    return _names_pattern(tuple(sorted(words))) if words else None


# From Python 3.12 on an f-string is not one token.
_SAID = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def _comments(source):
    """Start and end of every comment and text in the source; of everything where it cannot be read as Python."""
    lines = list(io.StringIO(source))  # as the tokenizer counts them
    starts = np.cumsum([0, *(len(line) for line in lines)]).tolist()
    spans = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _SAID:
                (row, column), (last, end) = token.start, token.end
                spans.append((starts[row - 1] + column, starts[last - 1] + end))
    except (tokenize.TokenError, SyntaxError, IndexError, RecursionError):
        return [(0, len(source))]
    return spans
