"""Cases of notebook 04b."""

from functools import cache

import numpy as np

from tests.cases import right, table, wrong

# --- 04b.1


def resize(image, height, width, filter="LANCZOS"):
    from PIL import Image

    picture = Image.fromarray(np.asarray(image, dtype="float32"))
    return np.asarray(picture.resize((width, height), Image.Resampling[filter]))


def otsu(ink):
    """The level that separates the histogram best."""
    counts, edges = np.histogram(ink, bins=64)
    middles = (edges[1:] + edges[:-1]) / 2
    below, above = np.cumsum(counts), counts.sum() - np.cumsum(counts)
    mean_below = np.cumsum(counts * middles) / np.maximum(below, 1)
    mean_above = (np.sum(counts * middles) - np.cumsum(counts * middles)) / np.maximum(above, 1)
    return middles[np.argmax(below * above * (mean_below - mean_above) ** 2)]


def preparation(
    level=lambda ink: (np.median(ink) + ink.max()) / 2,
    side=20,
    invert=True,
    crop=True,
    keep_ratio=True,
    centre="mass",
    scale=1.0,
    binary=False,
    filter="LANCZOS",
    longer=max,
    highest=1,
    output=lambda out: out,
):
    """A `prepare` in many styles, right and wrong."""

    def prepare(image):
        ink = 255.0 - image
        cut = np.clip(ink - level(ink), 0, None) if level else ink
        if binary:
            cut = (cut > 0).astype(float)
        if crop and level:
            rows, columns = np.flatnonzero(cut.max(axis=1) > 0), np.flatnonzero(cut.max(axis=0) > 0)
            cut = cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        factor = side / longer(cut.shape)
        height, width = (max(1, round(s * factor)) for s in cut.shape) if keep_ratio else (side, side)
        small = np.clip(resize(cut / cut.max(), height, width, filter), 0, highest)[:28, :28]
        height, width = small.shape
        out = np.zeros((28, 28))
        cy, cx = (height - 1) / 2, (width - 1) / 2
        if centre == "mass":
            weights = small / small.sum()
            cy, cx = (np.arange(height) * weights.sum(1)).sum(), (np.arange(width) * weights.sum(0)).sum()
        middle = 3 if centre == "corner" else 13.5
        top, left = (min(max(round(m), 0), 28 - s) for m, s in ((middle - cy, height), (middle - cx, width)))
        if centre == "corner":
            top = left = 0
        out[top : top + height, left : left + width] = small
        return output(scale * (out if invert else 1 - out))

    return prepare


def in_place(image):
    image[:] = 255 - image
    return preparation()(255 - image)


def boxed(out):
    """Where the box of a digit is."""
    rows, columns = out.any(axis=1), out.any(axis=0)
    return np.outer(rows, columns)


def mirrored(out):
    """Left and right exchanged, and put back to the middle."""
    return centre(out[:, ::-1])


def with_scipy(image):
    """Binary mask, labelled parts, zoom and shift: another road to the same form."""
    from scipy import ndimage

    ink = 255 - ndimage.gaussian_filter(image.astype(float), 1)
    ink = np.where(ink > otsu(ink), ink - otsu(ink), 0)
    part = ink[ndimage.find_objects((ink > 0).astype(int))[0]]
    small = np.clip(ndimage.zoom(part / part.max(), 20 / max(part.shape), order=1), 0, 1)
    big = np.zeros((28, 28), "float32")
    big[: small.shape[0], : small.shape[1]] = small
    return ndimage.shift(big, 13.5 - np.array(ndimage.center_of_mass(big)), order=1)


for name, function in {
    "half-way level": preparation(),
    "Otsu's level": preparation(level=otsu),
    "a fixed level, bilinear": preparation(level=lambda ink: 110, filter="BILINEAR"),
    "binary ink, box filter": preparation(binary=True, filter="BOX"),
    "SciPy": with_scipy,
    "with a channel axis, float32": preparation(output=lambda out: out[..., None].astype("float32")),
    "nested lists": preparation(output=lambda out: out.tolist()),
}.items():

    @right("04b.1", name)
    def _(function=function):
        return {"prepare": function}


for name, code, function in (
    ("not inverted", "not-inverted", preparation(invert=False)),
    ("0 to 255", "wrong-range", preparation(scale=255)),
    ("the paper stays", "paper-left", preparation(level=None, crop=False)),
    ("not cropped", "not-cropped", preparation(crop=False)),
    ("fills the picture", "no-margin", preparation(side=28)),
    ("ratio lost", "aspect-lost", preparation(keep_ratio=False)),
    ("centred by the box", "centred-by-box", preparation(centre="box")),
    ("in the corner", "centred", preparation(centre="corner")),
    ("squeezed only", "not-inverted", lambda image: resize(image, 28, 28) / 255),
    ("blank", "constant", lambda image: np.zeros((28, 28))),
    ("step 1 left out", "not-inverted", lambda image: preparation()(255 - image.astype(float))),
    ("divided by 255 twice", "wrong-range", preparation(scale=1 / 255)),
    ("changes the photograph", "changes-input", lambda image: in_place(image)),
    ("scaled to 24", "wrong-size|no-margin", preparation(side=24)),
    ("scaled to 14", "wrong-size", preparation(side=14)),
    ("a full box", "filled", preparation(output=lambda out: np.where(boxed(out), np.maximum(out, 0.1), 0))),
    ("mirrored", "turned", preparation(output=mirrored)),
    ("too thin", "read_share", preparation(output=lambda out: np.where(np.indices(out.shape).sum(0) % 3, 0, out))),
    ("from -1 to 1", "ink", preparation(output=lambda out: 2 * out - 1)),
    ("not clipped at 1", "overshoots", preparation(highest=None)),
    ("the height taken for the longer side", "height-alone", preparation(longer=lambda shape: shape[0])),
    ("pale ink", "ink", preparation(scale=0.4)),
    ("turned", "turned", preparation(output=lambda out: np.rot90(out, 2)[::-1, ::-1].T)),
    ("still large", "wrong-shape", lambda image: 255 - image),
):

    @wrong("04b.1", code, name)
    def _(function=function):
        return {"prepare": function}


# --- 04b.2


@cache
def shipped():
    import keras

    from coursekit.data import path

    return keras.models.load_model(path("mnist_cnn.keras"))


def read(x):
    return np.asarray(shipped()(np.asarray(x, "float32")[..., None]))


def read_one_by_one(x):
    pictures = np.asarray(x, "float32")[:, None, :, :, None]
    return [shipped().predict_on_batch(picture)[0].tolist() for picture in pictures]


def read_in_place(x):
    x /= 2
    return read(2 * x)


def read_logits(x):
    return 5 * np.log(read(x) + 1e-9)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


for name, function in {
    "called": read,
    "predict": lambda x: shipped().predict(np.asarray(x)[..., None], verbose=0),
    "tensor": lambda x: shipped()(np.asarray(x)[..., None]),
    "one by one, as lists": read_one_by_one,
    "softmax of logits": lambda x: softmax(read_logits(x)),
    "double precision": lambda x: read(x).astype("float64"),
}.items():

    @right("04b.2", name)
    def _(function=function):
        return {"read_digit": function}


for name, code, function in (
    ("labels", "labels", lambda x: read(x).argmax(axis=1)),
    ("one-hot rows", "one-hot", lambda x: np.eye(10)[read(x).argmax(axis=1)]),
    ("softmax twice", "softmax-twice", lambda x: softmax(read(x))),
    ("ten sigmoids", "not-probabilities", lambda x: 1 / (1 + np.exp(-read_logits(x)))),
    ("inverted again", "inverted", lambda x: read(1 - np.asarray(x))),
    ("mirrored", "mirrored", lambda x: read(np.asarray(x)[:, :, ::-1])),
    ("times 255", "too-bright", lambda x: read(np.asarray(x) * 255)),
    ("upside down", "upside-down", lambda x: read(np.asarray(x)[:, ::-1])),
    ("changes its pictures", "changes-input", lambda x: read_in_place(x)),
    ("an untrained network", "accuracy|constant", lambda x: softmax(np.asarray(x)[:, :10, 5])),
    ("the first picture only", "wrong-shape", lambda x: read(x)[0]),
    ("flattened", "raises", lambda x: shipped()(np.asarray(x).reshape(len(x), -1))),
    ("logarithms", "log-probabilities", lambda x: np.log(read(x) + 1e-9)),
    ("logits", "logits", lambda x: read_logits(x) + 3),
    ("percents", "percent", lambda x: 100 * read(x)),
    ("add up to 0.9", "not-probabilities", lambda x: 0.9 * read(x)),
    ("divided again", "wrong-scale", lambda x: read(np.asarray(x) / 255)),
    ("transposed", "transposed", lambda x: read(np.asarray(x).transpose(0, 2, 1))),
    ("the same for all", "constant", lambda x: np.full((len(x), 10), 0.1)),
    ("softmax over the batch", "wrong-axis", lambda x: softmax(read_logits(x).T).T),
    ("scaled by the whole batch", "depends-on-batch", lambda x: read(0.13 * x / x.mean())),
    ("columns shifted", "renumbered", lambda x: np.roll(read(x), 1, axis=1)),
):

    @wrong("04b.2", code, name)
    def _(function=function):
        return {"read_digit": function}


# --- 04b.3


def mass(image):
    rows, columns = np.indices(image.shape)
    return np.array([(rows * image).sum(), (columns * image).sum()]) / image.sum()


def moved(image, down, right):
    padded = np.pad(image, 28)
    return padded[28 - down : 56 - down, 28 - right : 56 - right]


def centre(image):
    if not image.any():
        return image
    return moved(image, *np.round(13.5 - mass(image)).astype(int))


def centre_scipy(image, whole=False):
    from scipy import ndimage

    if image.sum() == 0:
        return image.copy()
    move = 13.5 - np.array(ndimage.center_of_mass(image))
    return ndimage.shift(image, np.round(move) if whole else move, order=1)


def centre_roll(image):
    if image.max() <= 0:
        return np.zeros((28, 28))
    return np.roll(image, tuple(int(v) for v in np.round(14 - mass(image))), axis=(0, 1))


def centre_loop(image):
    out = np.zeros((28, 28), "float32")
    if image.any():
        down, right = (int(round(v)) for v in 13.5 - mass(image))
        for i, j in np.argwhere(image > 0):
            if 0 <= i + down < 28 and 0 <= j + right < 28:
                out[i + down, j + right] = image[i, j]
    return out.tolist()


def to_corner(image):
    top, left = np.argmax(image.any(axis=1)), np.argmax(image.any(axis=0))
    return np.pad(image[top:, left:], ((0, top), (0, left)))


@cache
def measured():
    from coursekit.data import load_mnist

    _, (x, y) = load_mnist()
    cornered = np.array([to_corner(image) for image in x[:500] / 255])
    centred = np.array([centre(image) for image in cornered])
    return np.array([np.mean(read(pictures).argmax(axis=1) == y[:500]) for pictures in (cornered, centred)])


def uncornered():
    from coursekit.data import load_mnist

    _, (x, y) = load_mnist()
    return np.mean(read(x[:500] / 255).argmax(axis=1) == y[:500])


def corner(function=centre, change=lambda numbers: numbers, reader=read):
    return {"centre_by_mass": function, "read_digit": reader, "accuracies": change(measured())}


for name, function in {
    "padding": centre,
    "SciPy, whole pixels": lambda image: centre_scipy(image, whole=True),
    "roll": centre_roll,
    "a loop that gives a list": centre_loop,
    "float32": lambda image: centre(image).astype("float32"),
}.items():

    @right("04b.3", name)
    def _(function=function):
        return corner(function)


def centre_box(image):
    if not image.any():
        return image
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return moved(image, round(13.5 - (rows[0] + rows[-1]) / 2), round(13.5 - (columns[0] + columns[-1]) / 2))


def away_scipy(image):
    from scipy import ndimage

    return ndimage.shift(image, np.array(ndimage.center_of_mass(image)) - 13.5, order=1) if image.any() else image


def centre_in_place(image):
    image[:] = centre(image)
    return image


def centre_no_blank(image):
    return moved(image, *np.round(13.5 - mass(image)).astype(int))


for name, code, build in (
    ("not moved", "not-moved", lambda: corner(lambda image: image)),
    ("by fractions of a pixel", "fractions", lambda: corner(centre_scipy)),
    (
        "the other way",
        "wrong-direction",
        lambda: corner(
            lambda image: moved(image, *(-np.round(13.5 - mass(image)).astype(int))) if image.any() else image
        ),
    ),
    (
        "rows and columns exchanged",
        "axes-swapped",
        lambda: corner(
            lambda image: moved(image, *np.round(13.5 - mass(image)).astype(int)[::-1]) if image.any() else image
        ),
    ),
    ("centred by the box", "centred-by-box", lambda: corner(centre_box)),
    ("fails on a blank", "blank", lambda: corner(centre_no_blank)),
    ("by fractions, the other way", "wrong-direction", lambda: corner(away_scipy)),
    (
        "rows only",
        "one-axis",
        lambda: corner(lambda image: moved(image, round(13.5 - mass(image)[0]), 0) if image.any() else image),
    ),
    ("ink pushed out", "ink-lost|centred", lambda: corner(lambda image: moved(image, 20, 20))),
    ("in place", "changes-input", lambda: corner(centre_in_place)),
    ("errors", "error", lambda: corner(change=lambda numbers: 1 - numbers)),
    ("numbers of digits", "counts", lambda: corner(change=lambda numbers: 500 * numbers)),
    ("the corner twice", "same-twice", lambda: corner(change=lambda numbers: numbers[[0, 0]])),
    ("always five pixels", "same-move", lambda: corner(lambda image: moved(image, -3, -3))),
    ("where it was, then centred", "not-in-corner", lambda: corner(change=lambda numbers: [uncornered(), numbers[1]])),
    ("another number first", "first", lambda: corner(change=lambda numbers: [0.5, numbers[1]])),
    ("where it was as the second", "second", lambda: corner(change=lambda numbers: [numbers[0], 0.5])),
    ("centred and paler", "ink", lambda: corner(lambda image: 0.7 * centre(image))),
    ("numbers exchanged", "swapped", lambda: corner(change=lambda numbers: numbers[::-1])),
    ("percents", "percent", lambda: corner(change=lambda numbers: 100 * numbers)),
    ("guessed", "accuracies", lambda: corner(change=lambda numbers: [0.1, 0.9])),
    ("one number", "wrong-shape", lambda: corner(change=lambda numbers: numbers[0])),
    ("a reader that guesses", "untrained", lambda: corner(reader=lambda x: np.eye(10)[[3] * len(x)])),
):
    wrong("04b.3", code, name)(build)


# --- 04b.4


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def shared(a, b, cut=0):
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(height, cut) * max(width, cut)


def iou(a, b):
    return shared(a, b) / (area(a) + area(b) - shared(a, b))


def iou_of_numpy(a, b):
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    both = sides.prod()
    return both / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - both)


def iou_of_pixels(a, b):
    pages = np.zeros((2, 200, 250), bool)
    for page, box in zip(pages, np.array([a, b]) + [0, 60, 0, 60], strict=True):  # no place may be below 0
        page[box[0] : box[2], box[1] : box[3]] = True
    return (pages[0] & pages[1]).sum() / (pages[0] | pages[1]).sum()


def iou_of_sets(a, b):
    first, second = ({(i, j) for i in range(box[0], box[2]) for j in range(box[1], box[3])} for box in (a, b))
    return np.array([len(first & second) / len(first | second)])


def iou_with_early_end(a, b):
    if a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]:
        return 0
    both = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    return float(both / (area(a) + area(b) - both))


def last_row_counted(a, b):
    return iou(a + [0, 0, 1, 1], b + [0, 0, 1, 1])


def box_around_both(a, b):
    around = np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])
    return shared(a, b) / area(around)


def not_cut(a, b):
    return shared(a, b, -np.inf) / (area(a) + area(b) - shared(a, b, -np.inf))


def product_cut(a, b):
    both = max(shared(a, b, -np.inf), 0)
    return both / (area(a) + area(b) - both)


def touching_counts(a, b):
    sides = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return 0.5 if min(sides) == 0 else iou(a, b)


def changes_its_box(a, b):
    a -= 1
    return iou(a + 1, b)


table(
    "04b.4",
    lambda: {"iou": iou},
    {
        "by definition": {},
        "NumPy": {"iou": iou_of_numpy},
        "pixels counted": {"iou": iou_of_pixels},
        "sets of pixels": {"iou": iou_of_sets},
        "an early end": {"iou": iou_with_early_end},
    },
    [
        ("sum-of-areas", "the sum below", {"iou": lambda a, b: shared(a, b) / (area(a) + area(b))}),
        ("dice", "twice the shared area", {"iou": lambda a, b: 2 * shared(a, b) / (area(a) + area(b))}),
        ("shared-area", "the intersection", {"iou": shared}),
        ("area-of-both", "the union", {"iou": lambda a, b: area(a) + area(b) - shared(a, b)}),
        ("over-first", "a share of the first", {"iou": lambda a, b: shared(a, b) / area(a)}),
        ("over-second", "a share of the second", {"iou": lambda a, b: shared(a, b) / area(b)}),
        ("over-smaller", "a share of the smaller", {"iou": lambda a, b: shared(a, b) / min(area(a), area(b))}),
        ("over-larger", "a share of the larger", {"iou": lambda a, b: shared(a, b) / max(area(a), area(b))}),
        ("box-around-both", "the box around both", {"iou": box_around_both}),
        ("last-row-counted", "one row and column too many", {"iou": last_row_counted}),
        ("as-sizes", "heights and widths", {"iou": lambda a, b: iou(a + [0, 0, *a[:2]], b + [0, 0, *b[:2]])}),
        ("upside-down", "the union over the shared area", {"iou": lambda a, b: 1 / iou(a, b)}),
        ("gap-multiplied", "gaps multiplied", {"iou": not_cut}),
        ("overlapping, always-nothing", "always 0", {"iou": lambda a, b: 0.0}),
        ("gap-multiplied", "the product cut, not the sides", {"iou": product_cut}),
        ("apart", "touching boxes share something", {"iou": touching_counts}),
        ("overlapping", "in percent", {"iou": lambda a, b: 100 * iou(a, b)}),
        ("overlapping", "rounded", {"iou": lambda a, b: round(iou(a, b), 1)}),
        ("wrong-shape", "two numbers", {"iou": lambda a, b: (shared(a, b), area(a))}),
        ("changes-input", "its own box", {"iou": changes_its_box}),
    ],
)
