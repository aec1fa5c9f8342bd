"""The plain data that may cross between a check and a student's objects.

Numbers, strings, lists, tuples, dicts, ``...`` and arrays of numbers or strings cross; anything else becomes a
`RemoteObject`. A message is a pair: a JSON-able description, and the list of arrays it refers to.
Nothing here is ever pickled.
"""

import io
import json
import struct
from dataclasses import dataclass

import numpy as np

MAX_DEPTH = 20
MAX_ITEMS = 200_000
MAX_BYTES = 512 * 1024 * 1024
MAX_ARRAYS = 240 * 1024 * 1024
MAX_TEXT = 64 * 1024 * 1024
MAX_CHARACTERS = 5_000_000  # of all texts together: escaped, each may take twelve bytes


class CodecError(ValueError):
    """Data that may not cross: too deep, too large, or damaged."""


@dataclass(frozen=True)
class RemoteObject:
    """Stands for an object that stays on the student's side. It can be called or asked again."""

    number: int
    type_name: str
    callable: bool = False


def is_plain_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufcSU"


def pack(value, keep):
    """Describe `value` as JSON-able data and a list of arrays.

    Parameters
    ----------
    value : object
    keep : callable
        Called with an object that is not plain data; returns its `RemoteObject`.

    Returns
    -------
    description : object
    arrays : list of numpy.ndarray
        Copies: neither side can change the other's.

    Raises
    ------
    CodecError
        Whatever stands in the way, be it that the value's own class raises when it is looked at.
    """
    arrays = []
    budget, size, left = [MAX_ITEMS], [0], [MAX_CHARACTERS]

    def text(said):
        left[0] -= len(said)
        if left[0] < 0:
            raise CodecError(f"the value holds more than {MAX_CHARACTERS:,} characters of text")
        return said

    def describe(item, depth):
        budget[0] -= 1
        if depth > MAX_DEPTH or budget[0] < 0:
            raise CodecError("the value is nested too deeply or has too many items")
        if item is None or type(item) in (bool, float) or type(item) is int and item.bit_length() <= 1024:
            return item
        if type(item) is str:
            return text(item)
        if item is Ellipsis:
            return {"e": 1}
        if isinstance(item, RemoteObject):
            return {"h": [item.number, text(item.type_name), item.callable]}
        if isinstance(item, np.generic) and item.dtype.kind in "biufSU":
            # A long double's own `item` is a long double again.
            return describe(float(item) if item.dtype.kind == "f" else item.item(), depth)
        # Their own iterators, not those of a student's class. A named tuple is one too.
        for name, kind in (("l", list), ("t", tuple)):
            if isinstance(item, kind):
                return {name: [describe(part, depth + 1) for part in kind.__iter__(item)]}
        if isinstance(item, dict):
            return {"d": [[describe(key, depth + 1), describe(part, depth + 1)] for key, part in dict.items(item)]}
        array = _as_array(item)
        if array is not None:
            size[0] += array.nbytes
            if size[0] > MAX_ARRAYS:  # before the copy: what is broadcast takes no memory until then
                raise CodecError(f"the value is larger than {MAX_ARRAYS // 2**20} MB")
            arrays.append(np.array(array, copy=True))
            return {"a": len(arrays) - 1}
        return describe(keep(item), depth)

    try:
        return describe(value, 0), arrays
    except (CodecError, MemoryError):
        raise
    except Exception as error:
        raise CodecError(f"the value cannot be looked at ({type(error).__name__})") from None


def _as_array(item):
    """The array behind NumPy arrays, tensors, Keras variables and pandas objects; None for anything else."""
    if isinstance(item, np.ndarray):
        array = np.asarray(item)
        return array if is_plain_array(array) else _from_objects(array)
    root = str(type(item).__module__).split(".")[0]
    if root in ("tensorflow", "keras", "pandas", "jax", "jaxlib", "torch"):
        if not hasattr(item, "__array__") or root == "keras" and not hasattr(item, "assign"):
            return None
        try:
            array = np.asarray(item)
        except Exception:
            return None
        return array if is_plain_array(array) else _from_objects(array)
    return None


def _from_objects(array):
    """An array of dtype object whose items are all numbers or all strings, as a plain one; None otherwise."""
    if array.dtype.kind != "O" or array.size > MAX_ITEMS:
        return None
    items = array.ravel().tolist()
    if all(type(item) in (bool, int, float) for item in items) or all(type(item) is str for item in items):
        return np.array(items).reshape(array.shape) if items else None
    return None


def unpack(description, arrays):
    """Rebuild what `pack` described. Raises CodecError, and nothing else, where the description is not one of ours."""
    budget = [MAX_ITEMS]

    def rebuild(item, depth):
        budget[0] -= 1
        if depth > MAX_DEPTH or budget[0] < 0:
            raise CodecError("the value is nested too deeply or has too many items")
        if item is None or type(item) in (bool, int, float, str):
            return item
        if type(item) is not dict or len(item) != 1:
            raise CodecError("the message is damaged")
        ((kind, body),) = item.items()
        if kind == "e":
            return Ellipsis
        if kind == "a" and type(body) is int and 0 <= body < len(arrays):
            return arrays[body]
        if kind == "h" and type(body) is list and len(body) == 3:
            return RemoteObject(int(body[0]), str(body[1]), bool(body[2]))
        if kind in "lt" and type(body) is list:
            parts = [rebuild(part, depth + 1) for part in body]
            return parts if kind == "l" else tuple(parts)
        if kind == "d" and type(body) is list:
            return {rebuild(key, depth + 1): rebuild(part, depth + 1) for key, part in map(list.__iter__, body)}
        raise CodecError("the message is damaged")

    try:
        return rebuild(description, 0)
    except CodecError:
        raise
    except Exception as error:  # such as a number that is infinite, or a key that is a list
        raise CodecError(f"the message is damaged: {type(error).__name__}") from None


def write_frame(stream, description, arrays=()):
    """Write one message to a binary stream: two lengths, the JSON text, the arrays in NumPy's own format."""
    text = json.dumps(description).encode()
    blob = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(blob, np.asarray(array, order="C"), allow_pickle=False)
    body = blob.getbuffer()
    if len(text) + len(body) > MAX_BYTES:
        raise CodecError(f"the value is larger than {MAX_BYTES // 2**20} MB")
    stream.write(struct.pack(">QQI", len(text), len(body), len(arrays)))
    stream.write(text)
    stream.write(body)
    stream.flush()


def read_frame(stream, most_arrays=MAX_ITEMS, most_marks=MAX_CHARACTERS + 5 * MAX_ITEMS):
    """Read one message; raises EOFError at the end of the stream and CodecError for anything not ours."""
    text_size, body_size, count = struct.unpack(">QQI", _read_exactly(stream, 20))
    if text_size > MAX_TEXT or text_size + body_size > MAX_BYTES:
        raise CodecError(f"the message is larger than {MAX_BYTES // 2**20} MB")
    text = _read_exactly(stream, text_size)
    blob = io.BytesIO(_read_exactly(stream, body_size))
    # What takes long to parse is refused before: a message of ours has fewer brackets and commas.
    if count > most_arrays or text.count(b"[") + text.count(b"{") + text.count(b",") > most_marks:
        raise CodecError("the message is damaged: it has too many items")
    try:
        description = json.loads(text)
        arrays = [_read_array(blob) for _ in range(count)]
    except Exception as error:
        raise CodecError(f"the message is damaged: {error}") from None
    for array in arrays:
        # An array of items of no size may have any length at all, and take for ever.
        if not is_plain_array(array) or array.size > body_size:
            raise CodecError("the message is damaged: an array is not one of numbers or texts")
    return description, arrays


def _read_array(blob):
    header = bytes(blob.getbuffer()[blob.tell() :][:1010])
    size = int.from_bytes(header[8:10], "little")
    # A header of NumPy's has some hundred characters; one of Python 2, with an L behind its numbers, takes it 2 ms.
    if header[:8] != b"\x93NUMPY\x01\x00" or size > 1000 or b"L" in header[10 : 10 + size]:
        raise CodecError("an array has a header that is not ours")
    return np.lib.format.read_array(blob, allow_pickle=False)


def _read_exactly(stream, size):
    data = stream.read(size)
    if data is None or len(data) < size:
        raise EOFError("the other side has gone")
    return data
