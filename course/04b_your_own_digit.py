# %% [markdown]
# # 04b · Your own digit
#
# A network that reads MNIST well reads your handwriting badly, unless your picture is made to look like MNIST.
#
# About 122 minutes in 2 sessions · CPU about 10 s · GPU optional
#
# **Before you start** you should have met the networks of notebook 04. A trained one is supplied.
#
# ## You will learn
#
# - to bring a picture from the world into the form that a network was trained on;
# - to use a trained network in something that runs while you watch;
# - to measure how well a box fits a digit, by intersection over union;
# - why a digit in a corner fails, and that the form of the data is part of the model.

# %% [markdown]
# ## Setup

# %%
import coursekit as ck

seed = ck.setup(seed=0)  # before Keras is imported, so that TensorFlow's start-up messages stay hidden

from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy import ndimage

# %% [markdown]
# ## Look at the data
#
# If you saved a network in 04.8 and the file `my_digits.keras` is beside this notebook, it is used; otherwise a network that comes with the
# course. The supplied pictures of digits were drawn by a script, on slightly unevenly lit paper. You can use a photograph of your own
# handwriting instead: put it beside this notebook, and write its name in place of `"your_own_digit.png"`.

# %%
own = Path("my_digits.keras")
model = keras.models.load_model(own if own.exists() else ck.data.path("mnist_cnn.keras"))
(x_train, _), (x_test, y_test) = ck.data.load_mnist()
picture = ck.data.read_image("your_own_digit.png")  # or the name of a picture of yours
picture.shape, picture.dtype, picture.min(), picture.max()

# %%
fig, axs = plt.subplots(1, 2, figsize=(6.5, 3.2))
axs[0].imshow(picture, cmap="gray", vmin=0, vmax=255)
axs[0].set_title("a picture")
axs[1].imshow(x_test[15], cmap="gray", vmin=0, vmax=255)
axs[1].set_title("a five of MNIST")
for ax in axs:
    ax.grid(False)


# %%
def resize(image, height, width):
    """Resize a 2-D array of floats to (height, width)."""
    small = Image.fromarray(np.asarray(image, dtype="float32"))
    return np.asarray(small.resize((width, height), Image.Resampling.LANCZOS))


# %% [markdown]
# ## Session 1 of 2 · A picture in MNIST's form
#
# About 57 minutes. You need the cells above.
#
# **Predict before you run.** Squeeze the picture into 28 by 28 pixels and show it to the network as it is. Which digit will it read, and how
# certain will it be? Write both down, then run the next cell.

# %%
squeezed = resize(picture, 28, 28) / 255
guess = model.predict(squeezed[None, ..., None], verbose=0)[0]
print(f"read as {guess.argmax()}, with a probability of {guess.max():.0%}")

# %% [markdown]
# ## 04b.1 · From a picture to MNIST's form
#
# **Goal:** write `prepare`, which brings a picture of one dark digit on plain light paper into MNIST's form.
#
# MNIST was made from black-and-white scans: each digit was scaled so that its longer side has 20 pixels, and centred by its mass in 28 by 28
# pixels. A grey picture of dark ink on light paper needs three steps first. All five together:
#
# 1. **Invert:** ink bright, paper dark.
# 2. **Take the paper away:** subtract a level between paper and ink, for example half-way between the median (most pixels are paper) and
#    the largest value. What falls below 0 becomes 0.
# 3. **Crop** to the rows and columns that have ink.
# 4. **Scale:** divide by the largest value, so that the brightest ink is 1, and resize so that the longer side has 20 pixels. Height and width
#    keep their ratio. `resize` can go a little below 0 and above 1: clip to [0, 1].
# 5. **Centre by mass:** put it into 28 by 28 zeros so that the centre of mass of the ink is at (13.5, 13.5), to the nearest pixel. Keep
#    all of it inside: where specks or shadows count as ink, that place can lie partly outside, so go only as far as the edge.
#
# - `prepare(image)`: takes uint8 of shape (H, W), where 0 is black and 255 is white, in light that may be slightly uneven; returns floats of shape
#   (28, 28) in [0, 1].
#
# The function is split in two: write `crop_to_ink` for steps 1 to 3, and call it in `prepare`. `resize(image, height, width)` is given above.
# `np.clip(a, 0, None)` sets to 0 what is below 0; `np.flatnonzero(a > 0)` returns the places where an array with one axis, such as
# `ink.max(axis=1)`, is above 0; and `ndimage.center_of_mass(a)` the row and the column of the centre of mass.

# %%
ck.expected("04b.1")

# %%
def crop_to_ink(image):
    """Steps 1 to 3: bright ink on 0, cropped."""
    # [solution]
    ink = 255.0 - image
    level = (np.median(ink) + ink.max()) / 2  # half-way between paper and ink
    ink = np.clip(ink - level, 0, None)
    if not ink.any():
        raise ValueError("There is no ink on this picture.")
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
if ck.ready("04b.1", crop_to_ink, prepare):
    some = drawn[:24:3]
    pictures = [*some, *[prepare(one) for one in some]]
    ck.plot.image_grid(pictures, [*digits[:24:3]] * 2, title="From paper to MNIST's form")

# %%
if ck.ready("04b.1", crop_to_ink, prepare):
    guess = model.predict(np.reshape(prepare(picture), (1, 28, 28, 1)), verbose=0)[0]
    print(f"now read as {guess.argmax()}, with a probability of {guess.max():.0%}")

# %% [markdown] tags=["reason"]
# **Why the level matters.** Without step 2 the paper is not 0 but a grey field, and all rows are "rows with ink". A level half-way between the
# median, which is paper, and the maximum, which is ink, can cope with slightly uneven light. Another simple way is Otsu's method: it chooses the
# level that separates the histogram best.
#
# **Which steps matter?** The solution compares four ways: squeezed only; squeezed and inverted; all but the ratio and the centring by mass; and
# all five steps. With all five the network reads nearly all digits; squeezed only, or inverted but not cropped, it reads hardly any.

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

# %% tags=["claim"]
shares = {name: share_read(way) for name, way in ways.items()}
assert shares["all five steps"] > 0.9 and shares["squeezed only"] < 0.3, shares
assert shares["all five steps"] >= max(shares.values()) and shares["inverted, not cropped"] < 0.3, shares

# %% [markdown]
# **Pictures from real life** are worse than the supplied ones. `ck.data.disturb_photo` imitates four things that happen: a shadow from one side,
# ruled paper, chalk on a board, and specks of dirt. How many of the drawn digits does the network still read after your `prepare`? Predict first:
# which of the four does the most harm?
#
# `ck.data.clean_photo` goes before `prepare`. It inverts a picture whose strokes are brighter than what is around them, divides by the brightness
# of the paper (a blurred picture without the strokes), separates ink and paper by Otsu's level, and removes specks, and lines that run right across
# the page.

# %%
def share_after(how, clean):
    """The share of the drawn digits that is read after a disturbance."""
    ready = []
    for one in drawn:
        disturbed = ck.data.disturb_photo(one, how)
        ready.append(prepare(clean(disturbed)))
    return np.mean(model.predict(np.reshape(ready, (-1, 28, 28, 1)), verbose=0).argmax(axis=1) == digits)


# %%
if ck.ready("04b.1", crop_to_ink, prepare):
    fig, axs = plt.subplots(2, 4, figsize=(10, 5.2))
    for column, how in zip(axs.T, ck.data.DISTURBANCES):
        disturbed = ck.data.disturb_photo(drawn[12], how)
        column[0].imshow(disturbed, cmap="gray", vmin=0, vmax=255)
        column[0].set_title(f"{how}: {share_after(how, np.asarray):.0%} read")
        column[1].imshow(ck.data.clean_photo(disturbed), cmap="gray", vmin=0, vmax=255)
        column[1].set_title(f"cleaned: {share_after(how, ck.data.clean_photo):.0%}")
    for ax in axs.flat:
        ax.axis("off")

# %% tags=["claim"]
for how in ck.data.DISTURBANCES:
    assert share_after(how, np.asarray) < share_after(how, ck.data.clean_photo) - 0.1, how

# %% [markdown]
# This is the end of session 1, and a good place to stop. In session 2 the network reads while you draw.

# %% [markdown]
# ## Session 2 of 2 · Reading while you draw
#
# About 65 minutes. You need the cells at the top and the next one, which takes over your `prepare` of 04b.1. If you begin here, it takes one
# that is good enough for the pad.

# %%
def prepare_from_pad(image):
    ink = np.clip(200.0 - np.asarray(image), 0, None)
    if not ink.any():
        return np.zeros((28, 28))
    top, left = np.argwhere(ink).min(axis=0)
    bottom, right = np.argwhere(ink).max(axis=0) + 1
    ratio = 20 / max(bottom - top, right - left)
    small = resize(ink[top:bottom, left:right] / ink.max(), max(1, round(ratio * (bottom - top))), max(1, round(ratio * (right - left))))
    padded = np.pad(np.clip(small, 0, 1), 28)
    row, column = (round(middle) for middle in ndimage.center_of_mass(padded))
    return padded[row - 14 : row + 14, column - 14 : column + 14]


prepare = ck.resume("prepare", lambda: prepare_from_pad)

# %% [markdown]
# ## 04b.2 · Ten probabilities for the pad
#
# **Goal:** write the function that the pad below calls after each stroke.
#
# - `read_digit(x)`: takes pictures (n, 28, 28), floats in [0, 1] as `prepare` makes them, and returns probabilities (n, 10); each row adds up to 1.
#   It uses `model`, which takes (n, 28, 28, 1).

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
# Draw on the pad with mouse, finger or keyboard, and watch the ten probabilities. Draw a digit in short strokes, and lift the pen between them:
# when does the network make up its mind? Then draw a letter. Where no browser is at hand, you see a still picture of a sample.

# %%
ck.widgets.DigitPad(predict=read_digit, prepare=prepare, sample=picture)

# %% [markdown] tags=["reason"]
# **It always names a digit.** The ten probabilities add up to 1 whatever you draw. If you draw a letter, the network has no way to say "this is
# no digit". A softmax compares ten answers with each other; it does not ask whether any of them fits.
#
# **How sure is it really?** Here are two ways to find out. Take all pictures for which it says about 90 %: is it right for nine of ten? Then it is
# *calibrated*; deep networks are often too sure (Guo and others, 2017). Or train several networks from different first weights and see how far
# their answers differ: where they disagree, the data have not decided (Lakshminarayanan and others, 2017). A network whose answer is a number can
# say itself how sure it is: it gives two numbers, a mean and a spread. Its loss is then minus the logarithm of the density that a normal
# distribution with this mean and spread has at the truth: the idea of the log loss (00.3), for numbers.

# %% [markdown]
# ## 04b.3 · A digit in the corner
#
# **Goal:** measure what happens in a corner, and put it right.
#
# `cornered` holds the first 500 test digits, moved to the upper left corner.
#
# - `centre_by_mass(image)`: (28, 28) to (28, 28). Moves the ink by whole pixels so that its centre of mass is within one pixel of (13.5, 13.5). No
#   ink is lost, and an empty picture stays empty.
# - `accuracies`: two numbers, the accuracy (0 to 1) of `read_digit` on `cornered`, and on `cornered` after `centre_by_mass`.
#
# `ndimage.shift(image, (down, right), order=0)` moves a picture and fills with zeros. **Predict:** how many of 100 digits will the network read in
# the corner?

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

# %% [markdown] tags=["reason"]
# **Why the corner fails.** The kernels slide over the corner as over any other place, though without padding they see the outermost pixels less
# often. But the dense layer after them has a weight for each place, and in training strokes were hardly ever in the corner. Centring changes the
# picture. To change the network instead, train it on shifted digits, or let a global pooling forget the place.
#
# How far from the middle does it begin to fail? The solution measures it: one pixel does little harm, whichever way; six pixels do much.
# (From about five pixels on, part of many digits also leaves the picture, above all upwards and downwards. The two causes are not separated here.)

# %% tags=["solution", "picture-04b.3"]
steps = np.arange(-6, 7)
centred = np.array([centre_by_mass(image) for image in cornered])


def share_moved(down, right):
    moved = ndimage.shift(centred, (0, down, right), order=0)
    return np.mean(read_digit(moved).argmax(axis=1) == y_small)


fig, ax = plt.subplots(figsize=(5.5, 3.2))
ax.plot(steps, [share_moved(0, s) for s in steps], "o-", label="to the right")
ax.plot(steps, [share_moved(s, 0) for s in steps], "s--", label="down")
ax.set(xlabel="pixels from the middle", ylabel="accuracy", ylim=(0, 1.02))
ax.set_title("One pixel of shift does little harm, six do much")
ax.legend();

# %% tags=["claim"]
for way in ((1, 0), (-1, 0), (0, 1), (0, -1)):
    one, six = (share_moved(pixels * way[0], pixels * way[1]) for pixels in (1, 6))
    assert one > share_moved(0, 0) - 0.05 and six < share_moved(0, 0) - 0.3, f"One pixel does little harm, six do much: {one}, {six}"

# %% [markdown]
# ## 04b.4 · Two boxes, one number
#
# **Goal:** measure how well the box that was found around a digit fits the right one.
#
# When cropping goes wrong, nothing warns you: a shadow or a speck counts as ink, and the box becomes too large. None of the four disturbances of
# session 1 moves the ink, so the box in the undisturbed picture is the right one, and the box in the disturbed picture can be compared with it. The
# usual measure of two boxes is **intersection over union**, IoU: the area that they share, divided by the area that they cover together. It is 1
# for equal boxes and 0 for boxes that share nothing. Networks that find objects in pictures are judged by it; often an object counts as found when
# the IoU is at least 0.5.
#
# - `iou(a, b)`: two boxes in, a number from 0 to 1 out. A box is an array of four whole numbers (top, left, bottom, right); as in a slice, row
#   `bottom` and column `right` do not belong to it. So its height is bottom − top.
#
# An example: (0, 0, 4, 4) and (0, 2, 4, 6) are squares of 16 pixels. They share 4 · 2 = 8 and cover 24 together.

# %%
ck.expected("04b.4")

# %%
def iou(a, b):
    """The shared area over the area of both."""
    # [solution]
    top, left = max(a[0], b[0]), max(a[1], b[1])
    bottom, right = min(a[2], b[2]), min(a[3], b[3])
    shared = max(bottom - top, 0) * max(right - left, 0)
    area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    return shared / (area_a + area_b - shared)
    # [stub]
    # return ...
    # [end]


# %%
ck.check("04b.4", iou)

# %%
# ck.hint("04b.4")

# %% [markdown]
# A simple cutter takes the box of everything darker than half-way between the darkest and the brightest pixel. **Predict before you run:** which
# disturbance spoils its box most, and does `clean_photo` put all of them right? The titles give the mean over ten digits, one of each kind.

# %%
def box_of_ink(image):
    """The box (top, left, bottom, right) of all that is darker than half-way."""
    dark = image < (float(image.min()) + image.max()) / 2
    rows, columns = ndimage.find_objects(dark.astype(int))[0]
    return np.array([rows.start, columns.start, rows.stop, columns.stop])


def draw_box(ax, box, **style):
    top, left, bottom, right = box - 0.5  # a pixel reaches half a pixel to each side
    ax.plot([left, right, right, left, left], [top, top, bottom, bottom, top], **style)


# %% tags=["picture-04b.4"]
ten = ck.data.load_drawn_digits()[0][::3]
if ck.ready("04b.4", iou):
    fig, axs = plt.subplots(2, 4, figsize=(10, 5.4))
    for column, how in zip(axs.T, ck.data.DISTURBANCES):
        for ax, clean, name in zip(column, (np.asarray, ck.data.clean_photo), (how, "cleaned")):
            found = [clean(ck.data.disturb_photo(one, how)) for one in ten]
            fits = [iou(box_of_ink(good), box_of_ink(one)) for good, one in zip(ten, found)]
            ax.imshow(found[4], cmap="gray", vmin=0, vmax=255)
            draw_box(ax, box_of_ink(ten[4]), color="C0", linewidth=3, label="true box")
            draw_box(ax, box_of_ink(found[4]), color="C1", linestyle="--", label="found")
            ax.set_title(f"{name}: IoU {np.mean(fits):.2f}")
            ax.axis("off")
    fig.legend(*axs[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% tags=["claim"]
means = {}
for how in ck.data.DISTURBANCES:
    disturbed = [ck.data.disturb_photo(one, how) for one in ten]
    for clean in (np.asarray, ck.data.clean_photo):
        means[how, clean] = np.mean([iou(box_of_ink(good), box_of_ink(clean(one))) for good, one in zip(ten, disturbed)])
    assert means[how, np.asarray] < 0.5 and means[how, ck.data.clean_photo] > 0.95, f"Spoilt, then put right: {means}"
worst = min(ck.data.DISTURBANCES, key=lambda how: means[how, np.asarray])
assert worst == "white on dark", f"White on dark is worst: {means}"

# %% [markdown] tags=["reason"]
# **Why the union?** The shared area alone would reward a box as large as the sheet: it shares everything. Dividing by the union punishes a
# box for pixels too many and for pixels too few. White on dark is worst, because the cutter then takes the board for ink: its box is the whole sheet.

# %% [markdown]
# ## What did you observe?
#
# 1. What did the network read before and after `prepare`?
# 2. What did the network say to a drawing that is no digit?
# 3. Would centring help a network that had been trained on shifted digits?
# 4. Which of the four disturbances did the most harm to the digits read, and which to the boxes? How many digits were read in the corner? Had you
#    predicted that?
#
# <details><summary>Answers</summary>
#
# 1. Hardly any digit before, nearly all of them after. Inverting alone is not enough: the paper has to go, and the digit to be cropped and scaled.
# 2. Some digit, often with a high probability. The ten probabilities share out 1 among ten digits; none of them stands for "no digit".
# 3. Yes, but less than it helps this one. Such a network has learned to read a digit wherever it stands; it may even read centred digits a little
#    worse, since it had to learn more with the same weights.
#
# </details>
#
# ## Go further
#
# - Photograph a digit of your own and read it: `prepare(ck.data.clean_photo(ck.data.read_image("mine.jpg")))`. `read_image` turns the picture
#   upright, and says what it did.
# - Replace the level of step 2 by Otsu's: the level for which the variance between the two groups of pixels is largest (`clean_photo` uses it).
# - Draw the same digit thick and thin. Which one is read worse, and which further step could help?
#
# ## Summary
#
# A network knows the world only in the form in which the world was shown to it. Preparing the input is part of the model: all failures that you saw
# here, except for the letter, were failures of preparation. A softmax compares ten answers; it cannot say that none of them fits.

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
# - Guo, C., Pleiss, G., Sun, Y., Weinberger, K. Q. (2017). On calibration of modern neural networks. *ICML*. arXiv:1706.04599.
# - Lakshminarayanan, B., Pritzel, A., Blundell, C. (2017). Simple and scalable predictive uncertainty estimation using deep ensembles. *NIPS*.
#   arXiv:1612.01474.
