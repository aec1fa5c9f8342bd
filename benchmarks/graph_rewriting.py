"""What TensorFlow's graph rewriting costs and saves on a CPU; `ck.setup()` switches it off there.

    python benchmarks/graph_rewriting.py

Prints the seconds of an epoch of a small dense, a convolutional and a recurrent network, with and without, in turns;
each time in a new process, because TensorFlow keeps what it rewrote.
"""

import json
import os
import statistics
import subprocess
import sys
import time

ROUNDS = 5


def measure(rewriting):
    """Seconds an epoch, by network, of the epochs after the first, in which the graph is made."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not rewriting})
    hidden = {
        "dense": ((400, 2), 20, [layers.Dense(8, "tanh")]),
        "convolutional": (
            (4000, 28, 28, 1),
            1,
            [layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()],
        ),
        "recurrent": ((2000, 20, 3), 2, [layers.LSTM(32)]),
    }
    seconds = {}
    for name, (shape, epochs, inner) in hidden.items():
        model = keras.Sequential([keras.Input(shape[1:]), *inner, layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        y = (x.reshape(len(x), -1)[:, 0] > 0).astype("float32")
        model.fit(x, y, epochs=1, batch_size=32, verbose=0)
        start = time.perf_counter()
        model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
        seconds[name] = (time.perf_counter() - start) / epochs
    return seconds


def main():
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1] == "with")))
        return
    rounds = {"with": [], "without": []}
    for _ in range(ROUNDS):
        for how, measured in rounds.items():
            command = [sys.executable, __file__, how]
            done = subprocess.run(
                command, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, check=True, capture_output=True, text=True
            )
            measured.append(json.loads(done.stdout.splitlines()[-1]))
    print(f"seconds an epoch, median of {ROUNDS}{'with':>16}{'without':>10}{'ratio':>8}")
    for name in rounds["with"][0]:
        kept, without = (statistics.median(one[name] for one in measured) for measured in rounds.values())
        print(f"{name:<32}{kept:>12.3f}{without:>10.3f}{without / kept:>8.2f}")


if __name__ == "__main__":
    main()
