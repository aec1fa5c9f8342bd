"""Pictures of handwriting: read from a file, disturbed as cameras and paper do it, and cleaned again."""

from pathlib import Path

import numpy as np

from coursekit.data.files import DataError, path

LONGEST = 480  # pixels of a cleaned picture, on its longer side
DISTURBANCES = ("shadow", "ruled paper", "white on dark", "dirt")


def read_image(file):
    """Read a picture as grey values, upright. Prints what had to be done to it, if anything.

    Parameters
    ----------
    file : str or Path
        A picture of yours (PNG, JPEG), or the name of a shipped one ("your_own_digit.png").

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width)
        0 is black, 255 is white. What is transparent counts as white; 16-bit grey is brought to 8 bits; a picture that
        the camera noted as lying on its side is turned.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is not a picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    file = Path(file)
    if not file.exists():
        try:
            file = path(file.as_posix())
        except DataError:
            raise FileNotFoundError(f"There is no file {file}. Put your picture beside the notebook.") from None
    done = []
    try:
        with Image.open(file) as opened:
            if opened.getexif().get(0x0112, 1) != 1:  # the tag "orientation"; 1 is upright
                done.append("turned upright, as the camera noted")
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):
                picture = _eight_bits(picture)
                done.append("brought from 16 bits to 8")
            if picture.mode not in ("1", "L"):
                done.append("colours made grey")
            picture = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError):
        raise ValueError(f"{file} is not a picture that can be read. Save it as PNG or JPEG.") from None
    if picture.getextrema()[3][0] < 255:
        done.append("what was transparent made white")
    paper = Image.new("RGBA", picture.size, "white")
    if done:
        print(f"{file.name}: {', '.join(done)}.")
    return np.asarray(Image.alpha_composite(paper, picture).convert("L"))


def _eight_bits(picture):
    from PIL import Image

    values = np.asarray(picture, dtype=float)
    return Image.fromarray(np.clip(values / (257 if values.max() > 255 else 1), 0, 255).astype("uint8"))


def disturb_photo(image, how, seed=0):
    """A picture of dark ink on light paper, as it often looks in real life.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (height, width)
    how : str
        "shadow" (from one side), "ruled paper", "white on dark" (chalk on a board) or "dirt" (a few specks).
    seed : int

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width)

    Raises
    ------
    ValueError
        Where `how` is none of these.
    """
    rng = np.random.default_rng(seed)
    height, width = image.shape
    picture = image.astype(float)
    if how == "shadow":
        across = np.linspace(0, 1, width) + 0.2 * np.linspace(0, 1, height)[:, None]
        picture *= 1 - 0.65 / (1 + np.exp(-12 * (across - 0.6)))
    elif how == "ruled paper":
        step = max(12, height // 9)
        for row in range(int(rng.integers(step // 2, step)), height - 1, step):
            picture[row : row + 2] = np.minimum(picture[row : row + 2], 110)
    elif how == "white on dark":
        picture = 0.85 * (255 - picture) + rng.normal(0, 6, picture.shape)
    elif how == "dirt":
        rows, columns = np.mgrid[:height, :width]
        for corner in ((0.1, 0.12), (0.9, 0.85), (0.12, 0.9)):
            place = np.array(corner) * image.shape + rng.normal(0, 3, 2)
            picture[np.hypot(rows - place[0], columns - place[1]) < max(2, min(image.shape) / 60)] = 40
    else:
        raise ValueError(f"{how!r} is no disturbance. There are: {', '.join(DISTURBANCES)}.")
    return np.clip(picture, 0, 255).astype("uint8")


def clean_photo(image):
    """Dark ink on white paper, from a picture with uneven light, ruled lines, specks of dirt, or white on dark.

    A picture whose strokes are brighter than what is around them is inverted. The paper's own brightness, found by
    closing and blurring, is divided out. Otsu's level then separates ink from paper. Lines from side to side, and
    whatever is far smaller than the largest stroke, are taken away.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (height, width)

    Returns
    -------
    numpy.ndarray of uint8
        Paper is 255. A larger picture than 480 pixels on its longer side is reduced to that.

    Raises
    ------
    ValueError
        Where there is no ink.

    References
    ----------
    Otsu, N. (1979). A threshold selection method from gray-level histograms. IEEE Transactions on Systems, Man, and
    Cybernetics, 9(1), 62-66.
    """
    from PIL import Image
    from scipy import ndimage

    small = Image.fromarray(np.asarray(image, dtype="uint8"))
    small.thumbnail((LONGEST, LONGEST))
    picture = np.asarray(small, dtype=float)
    reach = max(3, min(picture.shape) // 6)
    if np.mean((picture - ndimage.gaussian_filter(picture, reach)) ** 3) > 0:  # strokes are brighter than around them
        picture = 255 - picture
    paper = ndimage.gaussian_filter(ndimage.grey_closing(picture, reach), reach / 2)
    even = np.clip(255 * picture / np.maximum(paper, 1), 0, 255)
    ink = even < otsu_level(even) if np.ptp(even) > 0 else np.zeros(even.shape, bool)
    if not ink.any() or np.median(even[~ink]) - np.median(even[ink]) < 40:
        raise ValueError("No ink was found on this page. Is it blank, or is the pen too faint?")
    lines = ndimage.binary_opening(ink, np.ones((1, int(0.7 * picture.shape[1]))))
    ink = ndimage.binary_closing(ink & ~ndimage.binary_dilation(lines), np.ones((5, 1)), iterations=1)
    parts, count = ndimage.label(ink, np.ones((3, 3)))
    sizes = ndimage.sum_labels(ink, parts, range(1, count + 1))
    kept = ndimage.binary_dilation(np.isin(parts, 1 + np.flatnonzero(sizes >= 0.1 * sizes.max())))
    return np.where(kept, even, 255).astype("uint8")


def otsu_level(image):
    """The grey level that separates two groups of pixels best: the variance between the groups is largest."""
    counts, edges = np.histogram(image, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), len(np.ravel(image)) - np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return edges[1 + int(np.nanargmax(between))]
