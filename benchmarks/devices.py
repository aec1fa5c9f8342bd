"""Print when a GPU pays: matrix products, and one epoch of 5,000 digits, on each device that Keras finds.

    KERAS_BACKEND=torch python benchmarks/devices.py

Notebook 04 shows the numbers of one machine. A time is the shortest of three, after one that is not counted. It needs
no installed coursekit: PYTHONPATH=. is enough.
"""

from time import perf_counter

import keras
from keras import layers

import coursekit as ck

SIZES = [2**power for power in range(5, 13)]
# (description, number of convolutions, kernels of each, size of a batch)
NETWORKS = [
    ("one convolution with 8 kernels, batches of 128", 1, 8, 128),
    ("two convolutions with 64 kernels each, batches of 128", 2, 64, 128),
    ("the same in batches of 1,000", 2, 64, 1000),
]


def shortest(run):
    """The shortest of three times of `run()`, in seconds, after one that is not counted."""
    times = []
    for _ in range(4):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times[1:])


def seconds_for_product(n):
    """Seconds for a product of two n × n matrices."""
    a = keras.random.normal((n, n))
    return shortest(lambda: float(keras.ops.matmul(a, a)[0, 0]))  # asking for one number waits for the product


def seconds_for_epoch(convolutions, kernels, batch_size):
    """Seconds for one epoch of 5,000 digits."""
    (x_train, y_train), _ = ck.data.load_mnist()
    x, y = x_train[:5000, :, :, None].astype("float32") / 255, y_train[:5000]
    network = keras.Sequential([keras.Input((28, 28, 1))])
    for _ in range(convolutions):
        network.add(layers.Conv2D(kernels, 3, activation="relu"))
    network.add(layers.Flatten())
    network.add(layers.Dense(10, activation="softmax"))
    network.compile("adam", "sparse_categorical_crossentropy")
    return shortest(lambda: network.fit(x, y, batch_size=batch_size, verbose=0))


def main():
    ck.setup(seed=0)
    rows = [(f"product of two {n} × {n} matrices", lambda n=n: seconds_for_product(n)) for n in SIZES]
    rows += [(f"epoch: {said}", lambda sizes=sizes: seconds_for_epoch(*sizes)) for said, *sizes in NETWORKS]
    devices = ck.devices()
    print("| seconds |", " | ".join(devices), "|")
    print("|---|" + "--:|" * len(devices))
    for said, seconds in rows:
        cells = []
        for device in devices:
            with keras.device(device):
                cells.append(f"{seconds():.2g}")
        print(f"| {said} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
