"""What TensorFlow's graph rewriting costs and saves on a CPU; `ck.setup()` switches it off there.

    python benchmarks/graph_rewriting.py

Prints the seconds of an epoch of a small dense, a convolutional and a recurrent network, with and without, in turns.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

ROUNDS = 5


# Each gives a model, the shape of its data, and how many epochs to time.
def dense():
    return keras.Sequential([keras.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")]), (400, 2), 20


def convolutional():
    kernels = [layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(32, 3, activation="relu")]
    head = [layers.Flatten(), layers.Dense(1, "sigmoid")]
    return keras.Sequential([keras.Input((28, 28, 1)), *kernels, *head]), (4000, 28, 28, 1), 1


def recurrent():
    return keras.Sequential([keras.Input((20, 3)), layers.LSTM(32), layers.Dense(1, "sigmoid")]), (2000, 20, 3), 2


def seconds_an_epoch(build, rewriting):
    """Of the epochs after the first, in which the graph is made."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not rewriting})
    model, shape, epochs = build()
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    y = (x.reshape(len(x), -1)[:, 0] > 0).astype("float32")
    model.compile("adam", "binary_crossentropy")
    model.fit(x, y, epochs=1, batch_size=32, verbose=0)
    start = time.perf_counter()
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
    return (time.perf_counter() - start) / epochs


def main():
    print(f"seconds an epoch, median of {ROUNDS}{'with':>18}{'without':>10}{'ratio':>8}")
    for build in (dense, convolutional, recurrent):
        pairs = [(seconds_an_epoch(build, True), seconds_an_epoch(build, False)) for _ in range(ROUNDS)]
        kept, without = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{build.__name__:<32}{kept:>16.3f}{without:>10.3f}{without / kept:>8.2f}")


if __name__ == "__main__":
    main()
