"""What lets the notebooks, written for TensorFlow, run with Keras on PyTorch. `ck.setup()` calls `adapt` there.

PyTorch asks for `model(x).detach().cpu().numpy()` where `np.asarray(model(x))` does on TensorFlow and on JAX, and it
cannot put several steps into one graph. Both are settled here, in one place, and no notebook knows of it.
"""

import functools

import keras
import numpy as np
import torch


def adapt():
    """Let NumPy read PyTorch's tensors, and let `compile` take `steps_per_execution`, for this process."""
    torch.Tensor.__array__ = _as_array
    torch.Tensor.__array_function__ = _call_numpy
    torch.Tensor.__array_ufunc__ = _calculate
    if not hasattr(keras.Model.compile, "on_pytorch"):
        keras.Model.compile = _step_by_step(keras.Model.compile)


def _as_array(tensor, dtype=None, copy=None):
    return np.array(tensor.detach().cpu().numpy(), dtype=dtype, copy=copy)


def _call_numpy(tensor, function, types, args, kwargs):
    """`np.mean(tensor)` and its like: NumPy's function of the tensor's numbers."""
    args, kwargs = keras.tree.map_structure(_plain, (list(args), kwargs))
    return function(*args, **kwargs)


def _calculate(tensor, ufunc, method, *inputs, **kwargs):
    """`array - tensor` is a tensor, through which a gradient flows; `np.abs(tensor)` an array."""
    if method == "__call__" and len(inputs) == 2 and not kwargs and hasattr(keras.ops, ufunc.__name__):
        return getattr(keras.ops, ufunc.__name__)(*inputs)
    return getattr(ufunc, method)(*map(_plain, inputs), **kwargs)


def _plain(value):
    return np.asarray(value) if isinstance(value, torch.Tensor) else value


def _step_by_step(compile):
    """`compile` without `steps_per_execution`, which saves time on the other backends and is refused on this one."""

    @functools.wraps(compile)
    def compile_for_single_steps(model, *args, steps_per_execution=1, **kwargs):
        return compile(model, *args, **kwargs)

    compile_for_single_steps.on_pytorch = True
    return compile_for_single_steps
