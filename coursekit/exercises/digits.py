"""What the exercises on handwritten digits share."""

from functools import cache

import numpy as np

from coursekit.checks.framework import Wrong
from coursekit.checks.vocabulary.arrays import as_array


@cache
def test_digits():
    """The 10,000 test digits: uint8 images and labels."""
    from coursekit.data import load_mnist

    return load_mnist()[1]


def as_input(images):
    """Digits as the notebook feeds them: float32 in [0, 1], with a channel axis."""
    return images[..., None].astype("float32") / 255


def answer_of(student, name, arguments, shape):
    """The array that a function of the student's gives, of the shape that it must have."""
    given = as_array(student.call(name, *arguments), f"What `{name}` returns")
    if given.shape != shape:
        said = " and ".join(f"an array {a.shape}" if isinstance(a, np.ndarray) else str(a) for a in arguments)
        raise Wrong("wrong-shape", f"`{name}` of {said} gives shape {given.shape}; {shape} was expected.")
    return given
