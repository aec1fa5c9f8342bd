# %% [markdown]
# # 04b · Your own digit
#
# A network that reads MNIST well reads your handwriting badly, until your picture looks like MNIST.
#
# About 60 min · CPU about 10 s · GPU optional
#
# **Before you start** you should have met the networks of notebook 04. A trained one is supplied.
#
# ## You will learn
#
# - to bring a picture from the world into the form that a network was trained on;
# - to use a trained network in something that runs while you watch;
# - why a digit in a corner fails, and that the data's form is part of the model.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported: then it loads without notices

from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy import ndimage

# %% [markdown]
# ## Look at the data
#
# If you saved a network in 04.8 and the file `my_digits.keras` is beside this notebook, it is used. Otherwise a network
# that came with the course is.

# %%
own = Path("my_digits.keras")
model = keras.models.load_model(own if own.exists() else ck.data.path("mnist_cnn.keras"))
(x_train, _), (x_test, y_test) = ck.data.load_mnist()
photo = ck.data.read_image("your_own_digit.png")  # or the path of a picture of yours
photo.shape, photo.dtype, photo.min(), photo.max()

# %%
fig, axs = plt.subplots(1, 2, figsize=(6.5, 3.2))
for ax, image, title in ((axs[0], photo, "a photograph"), (axs[1], x_test[15], "a five of MNIST")):
    shown = ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set_title(title)
    ax.grid(False)

# %% [markdown]
# ## Predict before you run
#
# Squeeze the photograph into 28 by 28 pixels and show it to the network, just like that. Which digit will it read, and
# how sure will it be? Write it down, then run.

# %%
def resize(image, height, width):
    """Resize a 2-D array of floats to (height, width)."""
    picture = Image.fromarray(np.asarray(image, dtype="float32"))
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


squeezed = resize(photo, 28, 28) / 255
guess = model.predict(squeezed[None, ..., None], verbose=0)[0]
print(f"read as {guess.argmax()}, with a probability of {guess.max():.0%}")

# %% [markdown]
# ## 04b.1 · From a photograph to MNIST's form
#
# **Goal:** write `prepare`, which brings any picture of one dark digit on light paper into MNIST's form.
#
# The digits of MNIST were made in five steps. Do the same:
#
# 1. **Invert:** ink bright, paper dark.
# 2. **Take the paper away:** subtract a level between paper and ink; what falls below 0 becomes 0.
# 3. **Crop** to the rows and columns that have ink.
# 4. **Scale** so that the longer side has 20 pixels. Height and width keep their ratio.
# 5. **Centre by mass:** put it into 28 by 28 zeros so that the centre of mass of the ink lies at (13.5, 13.5), to the
#    pixel.
#
# - In: `image`, uint8 of shape (H, W), 0 is black, 255 is white; the light may be uneven.
# - Out: float of shape (28, 28) in [0, 1].
#
# The function is given in two parts. You write both.

# %%
ck.expected("04b.1")

# %%
def crop_to_ink(image):
    """Steps 1 to 3: bright ink on 0, cropped."""
    # [solution]
    ink = 255.0 - image
    level = (np.median(ink) + ink.max()) / 2  # half-way between paper and ink
    ink = np.clip(ink - level, 0, None)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0), np.flatnonzero(ink.max(axis=0) > 0)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # [stub]
    # return ...
    # [end]


# %%
def prepare(image):
    """A picture in MNIST's form."""
    # [solution]
    ink = crop_to_ink(image)
    scale = 20 / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    small = np.clip(resize(ink / ink.max(), height, width), 0, 1)
    out = np.zeros((28, 28))
    cy, cx = ndimage.center_of_mass(small)
    top = min(max(round(13.5 - cy), 0), 28 - height)
    left = min(max(round(13.5 - cx), 0), 28 - width)
    out[top : top + height, left : left + width] = small
    return out
    # [stub]
    # return ...
    # [end]


# %%
ck.check("04b.1", prepare)

# %%
# ck.hint("04b.1")  # take the first # away and run this line for a hint; run it again for the next

# %% tags=["picture-04b.1"]
drawn, digits = ck.data.load_drawn_digits()
prepared = [prepare(picture) for picture in drawn[:24:3]]
ready = ... if prepared[0] is ... else [*drawn[:24:3], *prepared]
title = "From paper to MNIST's form"
ck.plot.image_grid(ready, [*digits[:24:3]] * 2, exercise="04b.1", title=title);

# %% [markdown] tags=["solution"]
# **Why the level matters.** Without step 2 the paper is not 0 but a grey field, and the "rows with ink" are all rows. Half-
# way between the median, which is paper, and the maximum, which is ink, bears uneven light. The simplest other way is
# Otsu's: the level that separates the histogram best.
#
# **A wrong way**, step by step: what does the network read when one step is left out?

# %% tags=["solution"]
def share_read(make):
    """The share of the drawn digits that the network reads after `make`."""
    ready = np.array([make(picture) for picture in drawn])
    return np.mean(model.predict(ready[..., None], verbose=0).argmax(axis=1) == digits)


def stretched(picture):
    ink = crop_to_ink(picture)
    return np.pad(resize(ink / ink.max(), 20, 20), 4)


ways = {
    "squeezed only": lambda picture: resize(picture, 28, 28) / 255,
    "inverted, not cropped": lambda picture: 1 - resize(picture, 28, 28) / 255,
    "ratio lost": stretched,
    "all five steps": prepare,
}
for name, way in ways.items():
    print(f"{name:<24}{share_read(way):>5.0%} of {len(drawn)} drawn digits")

# %% [markdown]
# ## 04b.2 · Ten probabilities for the pad
#
# **Goal:** write the function that the pad below calls after each stroke.
#
# `read_digit(x)` takes pictures (n, 28, 28), floats in [0, 1] as `prepare` makes them, and gives probabilities (n, 10):
# each row adds up to 1. It uses `model`, which wants (n, 28, 28, 1).

# %%
ck.expected("04b.2")

# %%
def read_digit(x):
    """Ten probabilities for each picture."""
    # [solution]
    return model.predict(np.asarray(x)[..., None], verbose=0)
    # [stub]
    # return ...
    # [end]


# %%
ck.check("04b.2", read_digit)

# %%
# ck.hint("04b.2")

# %% [markdown]
# Draw on the pad with mouse, finger or keyboard, and watch the ten probabilities. Draw a digit slowly: when does the
# network make up its mind? Where no browser is at hand, you see a still picture of a sample.

# %%
ck.widgets.DigitPad(predict=read_digit, prepare=prepare, sample=photo)

# %% [markdown] tags=["solution"]
# **It is always sure of something.** The ten probabilities add up to 1 whatever you draw. Draw a letter: the network has no
# way to say "this is no digit". A softmax compares ten answers with each other; it does not ask whether any of them fits.

# %% [markdown]
# ## 04b.3 · A digit in the corner
#
# **Goal:** measure what a corner does to the network, and mend it.
#
# `cornered` holds the first 500 test digits, moved to the upper left corner.
#
# - `centre_by_mass(image)`: (28, 28) to (28, 28). Moves the ink by whole pixels so that its centre of mass lies within
#   one pixel of (13.5, 13.5). No ink is lost; a blank picture stays blank.
# - `accuracies`: two numbers, the accuracy (0 to 1) of `read_digit` on `cornered`, and on `cornered` after
#   `centre_by_mass`.

# %%
def to_corner(image):
    """Move the ink to the upper left corner."""
    top, left = np.argmax(image.any(axis=1)), np.argmax(image.any(axis=0))
    return np.pad(image[top:, left:], ((0, top), (0, left)))


cornered = np.array([to_corner(image) for image in x_test[:500] / 255])
y_small = y_test[:500]
ck.plot.image_grid(cornered[:8], y_small[:8], title="The same digits, in the corner");

# %%
ck.expected("04b.3")

# %%
def centre_by_mass(image):
    """Move the centre of mass to the middle."""
    # [solution]
    if not image.any():
        return image
    cy, cx = ndimage.center_of_mass(image)
    return ndimage.shift(image, (round(13.5 - cy), round(13.5 - cx)), order=0)
    # [stub]
    # return ...
    # [end]


# %%
# [solution]
centred = np.array([centre_by_mass(image) for image in cornered])
accuracies = [
    np.mean(read_digit(pictures).argmax(axis=1) == y_small) for pictures in (cornered, centred)
]
# [stub]
# accuracies = ...
# [end]

# %%
ck.check("04b.3", centre_by_mass=centre_by_mass, read_digit=read_digit, accuracies=accuracies)

# %%
# ck.hint("04b.3")

# %% [markdown] tags=["solution"]
# **Why the corner fails.** The convolutions find the strokes in the corner as well as anywhere. The dense layer behind them
# has a weight for each place, and in training no stroke was ever there. Centring mends the picture. To mend the network,
# train it on shifted digits, or let a global pooling forget the place.
#
# How far from the middle does it begin to fail?

# %% tags=["solution", "picture-04b.3"]
steps = np.arange(-6, 7)


def share_moved(down, right):
    moved = ndimage.shift(centred, (0, down, right), order=0)
    return np.mean(read_digit(moved).argmax(axis=1) == y_small)


fig, ax = plt.subplots(figsize=(5.5, 3.2))
ax.plot(steps, [share_moved(0, s) for s in steps], "o-", label="to the right")
ax.plot(steps, [share_moved(s, 0) for s in steps], "s--", label="down")
ax.set(xlabel="pixels from the middle", ylabel="accuracy", ylim=(0, 1.02))
ax.set_title("Two pixels are borne, six are not")
ax.legend();

# %% [markdown]
# ## What did you observe?
#
# 1. Which of the five steps mattered most for the drawn digits?
# 2. What did the network say to a drawing that is no digit?
# 3. Would centring help a network that had been trained on shifted digits?
#
# <details><summary>Answers</summary>
#
# 1. Inverting and cropping: without them hardly any digit is read. The ratio matters for narrow digits, most of all the 1.
# 2. Some digit, often with a high probability. A probability among ten answers is not a measure of "none of them".
# 3. Less. That network has learned to do without; it may even read a little worse on centred digits, since it had to learn
#    more with the same weights.
#
# </details>
#
# ## Go further
#
# - Photograph a digit of your own, put the file beside this notebook and read it with `ck.data.read_image("mine.png")`.
# - Replace the level of step 2 by Otsu's method.
# - Draw the same digit thick and thin. Which one is read worse, and which step would mend it?
#
# ## Summary
#
# A network knows the world in the form in which it was shown. Preparing the input is part of the model, and most failures
# "in the wild" are failures of preparation. Softmax compares answers; it does not know what it does not know.

# %%
ck.progress()

# %% [markdown]
# ## References
#
# - LeCun, Y., Bottou, L., Bengio, Y., Haffner, P. (1998). Gradient-based learning applied to document recognition.
#   *Proceedings of the IEEE*, 86(11), 2278–2324. How MNIST was centred.
# - Otsu, N. (1979). A threshold selection method from gray-level histograms. *IEEE Transactions on Systems, Man, and
#   Cybernetics*, 9(1), 62–66.
# - Hendrycks, D., Gimpel, K. (2017). A baseline for detecting misclassified and out-of-distribution examples in neural
#   networks. *ICLR*.
