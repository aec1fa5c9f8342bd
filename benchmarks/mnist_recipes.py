"""Training time to 99.2 % on MNIST: the recipe of notebook 04 beside the one of the Keras examples.

    python benchmarks/mnist_recipes.py                         # both, in one run
    python benchmarks/mnist_recipes.py --seeds 10              # ours, over ten seeds; writes mnist_recipes.json
    python benchmarks/mnist_recipes.py --save data/mnist_cnn.keras

Source of the reference recipe: "Simple MNIST convnet" of the Keras examples (F. Chollet, 2015, Apache 2.0): two
convolutional layers of 32 and 64, dropout 0.5, batches of 128, 15 epochs, Adam.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from coursekit.data import load_mnist

TARGET = 0.992


def digits():
    """MNIST as float32 in [0, 1] with a channel axis, converted once."""
    (x_train, y_train), (x_test, y_test) = load_mnist()
    as_float = [x[..., None].astype("float32") / 255 for x in (x_train, x_test)]
    return (as_float[0], y_train.astype("int32")), (as_float[1], y_test.astype("int32"))


def small_network():
    """The network of notebook 04.7: strides in the place of pooling, batch normalisation; 45,722 parameters."""
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for filters, size, strides in ((16, 5, 2), (48, 3, 1), (64, 3, 2)):
        model.add(layers.Conv2D(filters, size, strides=strides, use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.1))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def train_small(x, y, epochs=4, batch_size=256):
    """Train `small_network` with a learning rate that warms up and decays; returns it and the seconds."""
    model = small_network()
    steps = epochs * (len(x) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps - steps // 6, warmup_target=1.2e-2, warmup_steps=steps // 6, alpha=1e-3
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", steps_per_execution=32)
    start = time.perf_counter()
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)
    return model, time.perf_counter() - start


def train_reference(x, y, x_test, y_test, epochs=15):
    """The reference recipe; returns the seconds until an epoch ends at TARGET (None if never), and those of all."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    seconds, reached = 0.0, None
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        model.fit(x[:54000], y[:54000], batch_size=128, epochs=1, validation_data=(x[54000:], y[54000:]), verbose=0)
        seconds += time.perf_counter() - start
        accuracy = score(model, x_test, y_test)
        print(f"  reference, epoch {epoch:2d}: {accuracy:.2%} after {seconds:.0f} s", flush=True)
        if reached is None and accuracy >= TARGET:
            reached = seconds
    return reached, seconds, accuracy


def score(model, x, y):
    return float(np.mean(model.predict(x, batch_size=1000, verbose=0).argmax(axis=1) == y))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="ours alone, over this many seeds")
    parser.add_argument("--save", help="train ours once and save it here")
    arguments = parser.parse_args()
    (x, y), (x_test, y_test) = digits()
    if arguments.save:
        keras.utils.set_random_seed(0)
        model, seconds = train_small(x, y)
        trained = small_network()  # not compiled: the file holds no optimiser
        trained.set_weights(model.get_weights())
        trained.save(arguments.save)
        print(f"{arguments.save}: {score(trained, x_test, y_test):.2%} of the test digits, trained in {seconds:.0f} s")
        return
    runs = []
    for seed in range(arguments.seeds or 1):
        keras.utils.set_random_seed(seed)
        model, seconds = train_small(x, y)
        runs.append({"seed": seed, "accuracy": score(model, x_test, y_test), "seconds": round(seconds, 1)})
        print(f"  ours, seed {seed}: {runs[-1]['accuracy']:.2%} after {seconds:.0f} s", flush=True)
    if arguments.seeds:
        path = Path(__file__).with_suffix(".json")
        path.write_text(json.dumps({"cores": os.cpu_count(), "runs": runs}, indent=1) + "\n", encoding="utf-8")
        print(f"worst {min(r['accuracy'] for r in runs):.2%}, longest {max(r['seconds'] for r in runs):.0f} s")
        return
    keras.utils.set_random_seed(0)
    reached, seconds, accuracy = train_reference(x, y, x_test, y_test)
    ours = runs[0]
    print(f"{'recipe':<12}{'parameters':>11}{'test accuracy':>15}{'s to 99.2 %':>13}{'s in all':>10}")
    print(f"{'ours':<12}{45722:>11,}{ours['accuracy']:>15.2%}{ours['seconds']:>13.0f}{ours['seconds']:>10.0f}")
    until = "never" if reached is None else f"{reached:.0f}"
    print(f"{'reference':<12}{34826:>11,}{accuracy:>15.2%}{until:>13}{seconds:>10.0f}")


if __name__ == "__main__":
    main()
