"""Data of one's own: an exercise may draw its data from a seed that differs from student to student.

The instructor makes a code for each student from the student's id and a secret of the course. The student hands it to
``ck.setup(student=code)``; ``ck.variant("03.2")`` is then the seed of the data of 03.2. Whoever takes another's code
works on another's data, and the grader, which makes the codes anew from the secret, sees it.
"""

import hashlib
import hmac
import re

_mine = ""


def code(student, secret):
    """The code of one student.

    Parameters
    ----------
    student : str
        The id, or the name as it was handed in; case, spaces and punctuation do not matter.
    secret : str
        The course's.

    Returns
    -------
    str
        The id, a hyphen and eight hexadecimal digits, such as "anna-3f2a9c71".
    """
    plain = re.sub(r"\W+", "", student.casefold()) or "student"
    return f"{plain}-{hmac.new(secret.encode(), plain.encode(), hashlib.sha256).hexdigest()[:8]}"


def seed(code, exercise):
    """The seed of the data of one exercise for the student with this code; "" is the class as a whole."""
    return int.from_bytes(hashlib.sha256(f"{code}/{exercise}".encode()).digest()[:4], "big")


def use(code):
    """Take a code for this session; see `variant`."""
    global _mine
    _mine = code.strip()


def mine():
    """The code of this session, or ""."""
    return _mine


def variant(exercise):
    """The seed of your own data for an exercise: the same in every session, another for every student.

    Without ``ck.setup(student=...)`` it is the same for the whole class.
    """
    return seed(_mine, exercise)
