"""Draw letters from fonts, and train the network on them that notebook 09 borrows (letters_cnn.keras).

    python data/train_letters.py FILE.keras

The fonts are DejaVu and STIX, which Matplotlib brings along. A letter is turned, slanted, stretched, then cut out and
put into 28 by 28 pixels as MNIST does with its digits: 20 pixels in its longer side, near the middle. No digit is
drawn, and nothing of MNIST is used. Capital and small letters share a label, so there are 26 classes.
"""

import string
import sys
from pathlib import Path

import keras
import matplotlib
import numpy as np
from keras import layers
from PIL import Image, ImageDraw, ImageFont

PAPER = 112  # pixels, four times those of the finished picture
N_TRAIN, N_TEST = 20_000, 2_000


def glyphs():
    """The 52 letters of each font, upright in the middle of the paper: a list of (picture, label)."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    drawn = []
    for path in sorted(folder.glob("DejaVuS*.ttf")) + sorted(folder.glob("STIXGeneral*.ttf")):
        if "Display" in path.stem:  # they have signs, and no letters
            continue
        font = ImageFont.truetype(str(path), PAPER // 2)
        for letter in string.ascii_letters:
            image = Image.new("L", (PAPER, PAPER))
            ImageDraw.Draw(image).text((PAPER / 2, PAPER / 2), letter, fill=255, font=font, anchor="mm")
            drawn.append((image, string.ascii_lowercase.index(letter.lower())))
    return drawn


def disturb(image, rng):
    """The picture turned by up to 14 degrees, slanted and stretched about its centre."""
    angle, slant = rng.uniform(-0.25, 0.25), rng.uniform(-0.4, 0.4)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ [[1, slant], [0, 1]] @ np.diag(np.exp(rng.uniform(-0.25, 0.15, 2)))
    centre = np.full(2, PAPER / 2)
    shift = centre - matrix @ centre
    coefficients = np.column_stack([matrix, shift]).ravel()
    return image.transform(image.size, Image.Transform.AFFINE, tuple(coefficients), Image.Resampling.BILINEAR)


def fit_in(image, rng):
    """The ink, 20 pixels in its longer side, within a pixel of the middle of 28 by 28."""
    ink = image.crop(image.getbbox())
    zoom = 20 / max(ink.size)
    ink = ink.resize([max(1, round(zoom * side)) for side in ink.size], Image.Resampling.BOX)
    corner = (28 - np.array(ink.size)) // 2 + rng.integers(-1, 2, 2)
    picture = Image.new("L", (28, 28))
    picture.paste(ink, tuple(int(pixel) for pixel in corner))
    return np.asarray(picture)


def draw_letters(n, rng):
    """n letters at random: pictures of shape (n, 28, 28), uint8 with bright ink, and labels 0 (a) to 25 (z)."""
    drawn = glyphs()
    chosen = rng.integers(len(drawn), size=n)
    images = np.stack([fit_in(disturb(drawn[k][0], rng), rng) for k in chosen])
    return images, np.array([drawn[k][1] for k in chosen])


def build_network():
    """The untrained network."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(26, activation="softmax"),
        ]
    )


def train_network(x, y):
    """A trained network of 26 outputs; its body is that of notebook 09."""
    network = build_network()
    network.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    network.fit(x, y, batch_size=64, epochs=5, verbose=0)
    return network


def main(path, seed=0):
    """Write the trained network, and print how many unseen letters it reads."""
    keras.utils.set_random_seed(seed)
    images, labels = draw_letters(N_TRAIN + N_TEST, np.random.default_rng(seed))
    x = images[..., None].astype("float32") / 255
    network = train_network(x[:N_TRAIN], labels[:N_TRAIN])
    read = network.predict(x[N_TRAIN:], verbose=0).argmax(axis=1)
    print(f"{np.mean(read == labels[N_TRAIN:]):.1%} of {N_TEST:,} letters that it was not trained on")
    shipped = build_network()  # a network that was never compiled: what Adam remembers would triple the file
    shipped.set_weights(network.get_weights())
    shipped.save(path)


if __name__ == "__main__":
    main(sys.argv[1])
