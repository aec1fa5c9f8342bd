"""Pictures of pictures: grids of images, the kernels of a convolution, its feature maps."""

import numpy as np

from coursekit.plot.style import COLOURS


def image_grid(images, labels=None, predicted=None, axs=None, *, n_columns=8, title=None):
    """Draw images side by side, with labels above them.

    Parameters
    ----------
    images : array of shape (n, height, width) or (n, height, width, 1), or a list of 2-D arrays
    labels, predicted : sequences of n, optional
        A prediction that differs from its label is marked by colour and by text.

    Returns
    -------
    array of matplotlib.axes.Axes
    """
    images = [_two_dimensional(image) for image in images]
    for name, given in (("labels", labels), ("predicted", predicted)):
        if given is not None and len(given) != len(images):
            raise ValueError(f"There are {len(images)} images and {len(given)} {name}; one each was expected.")
    axs = _grid(len(images), n_columns, axs, extra=0.35 if labels is not None or predicted is not None else 0.0)
    for i, (ax, image) in enumerate(zip(axs, images, strict=False)):
        ax.imshow(image, cmap="gray", vmin=0 if image.min() >= 0 else None)
        text, colour = ("" if labels is None else f"{labels[i]}"), "black"
        if predicted is not None:
            wrong = labels is not None and labels[i] != predicted[i]
            text = f"{labels[i]}, read {predicted[i]}" if wrong else f"{predicted[i]}"
            colour = COLOURS[1] if wrong else "black"
        ax.set_title(text, fontsize=9, color=colour, loc="center", pad=3)
    return _titled(axs, title)


def filters(kernels, axs=None, *, n_columns=8, title=None):
    """Draw the kernels of a convolution: blue is negative, red is positive, white is zero.

    Parameters
    ----------
    kernels : array of shape (height, width, channels in, channels out)
        As Keras keeps them. Of several channels in, the mean is drawn.
    """
    kernels = np.asarray(kernels, dtype=float)
    if kernels.ndim != 4:
        raise ValueError(f"kernels has shape {kernels.shape}; (height, width, channels in, out) was expected.")
    kernels = kernels.mean(axis=2)
    largest = np.abs(kernels).max() or 1.0
    axs = _grid(kernels.shape[-1], n_columns, axs)
    for ax, kernel in zip(axs, np.moveaxis(kernels, -1, 0), strict=False):
        ax.imshow(kernel, cmap="RdBu_r", vmin=-largest, vmax=largest)
    return _titled(axs, title)


def feature_maps(maps, axs=None, *, n_columns=8, title=None):
    """Draw the channels of one image inside a network: maps of shape (height, width, channels)."""
    maps = np.asarray(maps, dtype=float)
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    if maps.ndim != 3:
        raise ValueError(f"maps has shape {maps.shape}; (height, width, channels) was expected, of one image.")
    axs = _grid(maps.shape[-1], n_columns, axs)
    for ax, channel in zip(axs, np.moveaxis(maps, -1, 0), strict=False):
        ax.imshow(channel, cmap="cividis", vmin=maps.min(), vmax=maps.max())
    return _titled(axs, title)


def _two_dimensional(image):
    image = np.asarray(image, dtype=float)
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    if image.ndim != 2:
        raise ValueError(f"An image has shape {image.shape}; (height, width) was expected.")
    return image


def _grid(n, n_columns, axs, extra=0.0, side=1.15):
    """Axes without ticks for n pictures, the rest hidden."""
    import matplotlib.pyplot as plt

    if axs is None:
        columns = max(1, min(n_columns, n))
        rows = -(-n // columns)
        axs = plt.subplots(rows, columns, figsize=(side * columns, (side + extra) * rows + 0.3), squeeze=False)[1]
    axs = np.asarray(axs).ravel()
    if (engine := axs[0].figure.get_layout_engine()) is not None:
        engine.set(w_pad=0.05, h_pad=0.05)
    for i, ax in enumerate(axs):
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_visible(i < n)
    return axs


def _titled(axs, title):
    if title:
        axs[0].figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return axs
