"""The kernel that a notebook runs in: `setup`, its first line, and whether a person or a grader is at work."""

import contextlib
import os
import random
import sys
import tempfile
from importlib import metadata


def setup(seed=0, *, keras=True, explain=True):
    """Seed every generator, load Keras without its notices, apply the course's figure style; say what is here.

    Parameters
    ----------
    seed : int
        For Python, NumPy and Keras. The environment variable COURSEKIT_SEED takes its place, so that one command can
        run a notebook over many seeds.
    keras : bool
        Whether the notebook uses Keras, on TensorFlow unless KERAS_BACKEND names another backend. Without it neither
        is loaded, which saves seconds.
    explain : bool
        Whether the errors that learners meet most get a sentence under their traceback.

    Prints one line: versions, device, seed.

    Returns
    -------
    int
        The seed, for what has a `random_state` of its own.
    """
    seed = int(os.environ.get("COURSEKIT_SEED") or seed)
    random.seed(seed)
    parts = [f"Python {sys.version_info.major}.{sys.version_info.minor}"]
    if keras:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        with quiet_stderr():
            try:
                import keras as _keras

                _keras.utils.set_random_seed(seed)
                name, version, gpus = backend()
                if gpus:
                    multiply_in_full(name)
                elif name == "TensorFlow":
                    leave_graphs_as_they_are()
                if name == "PyTorch":
                    from coursekit import on_pytorch

                    on_pytorch.adapt()
            except (ImportError, ValueError) as error:  # a missing package; a backend that Keras does not know
                print(f"Keras could not be loaded ({error}). `python -m coursekit doctor` says what is missing.")
                return seed
        parts += [f"{name} {version}", f"Keras {_keras.__version__}"]
        device = f"GPU ({gpus})" if gpus else "CPU"
    else:
        import numpy as np

        np.random.seed(seed)
        parts += [f"NumPy {np.__version__}"]
        device = "CPU"
    parts.append(f"scikit-learn {metadata.version('scikit-learn')}")
    from coursekit import error_hints, plot

    (error_hints.install if explain else error_hints.uninstall)()
    plot.use_style()
    plot.use_alt_text()
    print(" · ".join([*parts, device, f"seed {seed}"]))
    return seed


def backend():
    """What Keras computes with: name, version and number of GPUs."""
    import keras

    name = keras.backend.backend()
    if name == "jax":
        import jax

        return "JAX", jax.__version__, sum(device.platform == "gpu" for device in jax.devices())
    if name == "torch":
        import torch

        return "PyTorch", torch.__version__, torch.cuda.device_count()
    import tensorflow as tf

    return "TensorFlow", tf.__version__, len(tf.config.list_physical_devices("GPU"))


def devices():
    """The names of the devices that Keras can compute on, for `keras.device`: "cpu:0", then "gpu:0" and so on."""
    gpus = backend()[2]
    return ["cpu:0", *(f"gpu:{number}" for number in range(gpus))]


def multiply_in_full(name):
    """Let products of float32 keep its 23 bits on a GPU.

    By default GPUs since 2020 multiply with ten bits (TF32), which makes large networks faster. An output then differs
    from the formula in the third or fourth digit, and a check that computes the formula would wonder why.
    """
    if name == "JAX":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
    elif name == "PyTorch":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    else:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)


def leave_graphs_as_they_are():
    """Switch TensorFlow's rewriting of graphs off.

    TensorFlow rewrites every graph before it runs, and Keras makes a new one for each pass over the data. On a CPU and
    on networks as small as ours that costs more than it saves: see benchmarks/graph_rewriting.py.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@contextlib.contextmanager
def quiet_stderr():
    """Swallow what C++ libraries write to the error stream; give it back when an import fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            sink.seek(0)
            os.write(2, sink.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def grader():
    """What runs this kernel: "coursekit" (`coursekit grade`), nbgrader's "autograde" or "validate", "" for a person."""
    if os.environ.get("COURSEKIT_GRADING") == "1":
        return "coursekit"
    # nbgrader 0.9.6 sets both while it validates; older ones set the first alone.
    return "validate" if os.environ.get("NBGRADER_VALIDATING") else os.environ.get("NBGRADER_EXECUTION", "")
