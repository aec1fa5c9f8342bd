"""Seeded generators of small data sets, after scikit-learn's: (n_samples, noise, seed) -> X, y."""

import numpy as np


def make_xor(n_samples=400, noise=0.1, seed=None):
    """Four blobs at the corners of the unit square, labelled by the exclusive or of the corner's coordinates.

    Parameters
    ----------
    n_samples : int
    noise : float
        Standard deviation of each blob.
    seed : int, optional

    Returns
    -------
    X : ndarray of float, shape (n_samples, 2)
    y : ndarray of int, shape (n_samples,)
        1 where exactly one of the two coordinates of the corner is 1.
    """
    rng = generator(n_samples, noise, seed)
    corners = rng.integers(0, 2, size=(n_samples, 2))
    return corners + rng.normal(0, noise, size=(n_samples, 2)), corners[:, 0] ^ corners[:, 1]


def make_spirals(n_samples=400, noise=0.05, seed=None):
    """Generate two spirals of one turn and a half that wind around each other.

    Returns
    -------
    X : numpy.ndarray of shape (n_samples, 2)
        Within about [-1, 1], with Gaussian noise of standard deviation `noise`.
    y : numpy.ndarray of int, shape (n_samples,)
        The spiral, 0 or 1.
    """
    rng = generator(n_samples, noise, seed)
    y = rng.integers(0, 2, size=n_samples)
    turn = np.sqrt(rng.uniform(0.02, 1, size=n_samples))  # the root spreads the points evenly over the area
    angle = 3 * np.pi * turn + np.pi * y
    X = turn[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return X + rng.normal(0, noise, size=X.shape), y


def make_spring(n_samples=40, noise=0.6, seed=None):
    """Generate the length of a spring under random loads: 12 cm, and 3 cm for each kilogram.

    Returns
    -------
    mass : numpy.ndarray of shape (n_samples,)
        In kg, uniform in [0, 4].
    length : numpy.ndarray of shape (n_samples,)
        In cm, with Gaussian noise of standard deviation `noise`.
    """
    rng = generator(n_samples, noise, seed)
    mass = rng.uniform(0, 4, size=n_samples)
    return mass, 12 + 3 * mass + rng.normal(0, noise, size=n_samples)


def make_trigger(n_samples=300, noise=0.6, seed=None):
    """Generate particles and whether a trigger with a threshold of 5 GeV fired.

    The probability is 1 / (1 + exp(-(energy - 5) / noise)).

    Returns
    -------
    energy : numpy.ndarray of shape (n_samples,)
        In GeV, uniform in [0, 10].
    fired : numpy.ndarray of int, shape (n_samples,)
    """
    rng = generator(n_samples, noise, seed)
    energy = rng.uniform(0, 10, size=n_samples)
    # Logistic noise on the threshold is the same as this probability, and is defined for no noise too.
    return energy, (energy + rng.logistic(0, noise, size=n_samples) > 5).astype(int)


def surface(X):
    """The noise-free surface of `make_surface`: sin(2 x1) cos(x2) + x1 x2 / 4, for X of shape (n, 2)."""
    X = np.asarray(X, dtype=float)
    return np.sin(2 * X[:, 0]) * np.cos(X[:, 1]) + X[:, 0] * X[:, 1] / 4


def make_surface(n_samples=600, noise=0.1, seed=None):
    """Points on `surface` over the square [-2, 2] x [-2, 2], with Gaussian noise.

    Returns
    -------
    X : ndarray of float, shape (n_samples, 2)
    y : ndarray of float, shape (n_samples,)
    """
    rng = generator(n_samples, noise, seed)
    X = rng.uniform(-2, 2, size=(n_samples, 2))
    return X, surface(X) + rng.normal(0, noise, size=n_samples)


def curve(x):
    """The noise-free curve of `make_curve` on [0, 1]: sin(2 pi x) + x / 2."""
    x = np.asarray(x, dtype=float)
    return np.sin(2 * np.pi * x) + x / 2


def make_curve(n_samples=200, noise=0.05, seed=None):
    """Points on `curve` with Gaussian noise, sorted by x.

    Returns
    -------
    x, y : ndarrays of float, shape (n_samples,)
    """
    rng = generator(n_samples, noise, seed)
    x = np.sort(rng.uniform(0, 1, size=n_samples))
    return x, curve(x) + rng.normal(0, noise, size=n_samples)


def make_lines(n_samples=200, size=8, noise=0.1, seed=None):
    """Small pictures of one bright line, horizontal or vertical, at a random place.

    Returns
    -------
    images : ndarray of float, shape (n_samples, size, size)
        The line is near 1, the ground near 0; clipped to [0, 1].
    labels : ndarray of int, shape (n_samples,)
        0 is horizontal, 1 is vertical.
    """
    rng = generator(n_samples, noise, seed)
    labels = rng.integers(0, 2, size=n_samples)
    place = rng.integers(0, size, size=n_samples)
    images = np.zeros((n_samples, size, size))
    images[np.arange(n_samples), place] = 1.0
    images[labels == 1] = images[labels == 1].transpose(0, 2, 1)
    return np.clip(images + rng.normal(0, noise, size=images.shape), 0, 1), labels


def shift_images(images, max_shift=4, seed=None):
    """Shift each picture by random whole pixels, up to `max_shift` in each direction; what comes in is 0.

    Parameters
    ----------
    images : array, shape (n, height, width)
    max_shift : int

    Returns
    -------
    ndarray, same shape and dtype
    """
    images = np.asarray(images)
    if images.ndim != 3:
        raise ValueError(f"images has shape {images.shape}; (n, height, width) was expected.")
    if not 0 <= max_shift < min(images.shape[1:]):
        raise ValueError(f"max_shift is {max_shift}; it must be at least 0 and less than the picture's side.")
    n, height, width = images.shape
    rng = np.random.default_rng(seed)
    down, right = rng.integers(-max_shift, max_shift + 1, size=(2, n))
    padded = np.pad(images, ((0, 0), (max_shift, max_shift), (max_shift, max_shift)))
    rows = (max_shift - down)[:, None] + np.arange(height)
    columns = (max_shift - right)[:, None] + np.arange(width)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def make_digit_pairs(images, labels, n_samples=1000, seed=None):
    """Pictures of two digits side by side, labelled by the set of digits that they show.

    Parameters
    ----------
    images : array, shape (n, 28, 28)
    labels : array of int, shape (n,)

    Returns
    -------
    pairs : ndarray, shape (n_samples, 28, 56), dtype of `images`
    shown : ndarray of float32, shape (n_samples, 10)
        1 for each digit that is shown: one or two ones a row.
    """
    rng = generator(n_samples, 0.0, seed)
    images, labels = np.asarray(images), np.asarray(labels)
    left, right = rng.integers(0, len(images), size=(2, n_samples))
    shown = np.zeros((n_samples, 10), dtype="float32")
    shown[np.arange(n_samples), labels[left]] = 1
    shown[np.arange(n_samples), labels[right]] = 1
    return np.concatenate([images[left], images[right]], axis=2), shown


def make_lepton_pairs(n_samples=20000, noise=0.03, seed=None):
    """Events with two leptons in a toy detector: decays of a Z boson, and a background whose mass falls steeply.

    Each event is drawn as a pair of given mass, transverse momentum, rapidity and direction, which decays in its own
    rest frame and is then boosted. The generator is biased on purpose, as simulations are: it makes as many signal as
    background pairs, too many heavy background pairs, and signal pairs that are too fast. The weights undo all three.

    Parameters
    ----------
    n_samples : int
    noise : float
        Relative resolution of a lepton's transverse momentum.
    seed : int, optional

    Returns
    -------
    X : ndarray of float, shape (n_samples, 6)
        Transverse momentum (GeV), pseudorapidity and azimuth (radian) of the leptons: pt1, eta1, phi1, pt2, eta2, phi2,
        with pt1 >= pt2. The leptons' own masses are neglected.
    y : ndarray of int, shape (n_samples,)
        1 is signal: a Breit-Wigner peak at 91.19 GeV, 2.5 GeV wide. 0 is background: mass density as m^-3.
    weights : ndarray of float, shape (n_samples,)
        How many real events each event stands for, up to a common factor. Of the sum, one fifth is signal.
    """
    rng = generator(n_samples, noise, seed)
    y = rng.integers(0, 2, size=n_samples)
    low, high, peak, half_width = 60.0, 600.0, 91.19, 1.25
    # A Breit-Wigner curve, cut off at low and high, and a density as 1/m, by their inverse distribution functions.
    ends = np.arctan((np.array([low, high]) - peak) / half_width)
    resonance = peak + half_width * np.tan(rng.uniform(*ends, size=n_samples))
    m = np.where(y == 1, resonance, low * (high / low) ** rng.uniform(size=n_samples))
    drawn_mean, true_mean = 45.0, 15.0  # of the transverse momentum of a signal pair, in GeV
    pt = rng.exponential(np.where(y == 1, drawn_mean, true_mean))
    leptons = _decay(rng, m, pt, np.where(y == 1, 0.25, 0.0))
    X = [
        part
        for px, py, pz in leptons
        for part in (np.hypot(px, py), np.arcsinh(pz / np.hypot(px, py)), np.arctan2(py, px))
    ]
    X = np.stack(X, axis=1).reshape(n_samples, 2, 3)
    X[:, :, 0] *= np.exp(rng.normal(0, noise, size=(n_samples, 2)))
    X = np.take_along_axis(X, np.argsort(-X[:, :, 0], axis=1)[:, :, None], axis=1).reshape(n_samples, 6)
    # What is wanted over what was drawn, each with mean 1 in its class; then the shares of the classes.
    signal = drawn_mean / true_mean * np.exp(pt / drawn_mean - pt / true_mean)
    background = m**-2 * 2 * np.log(high / low) / (low**-2 - high**-2)
    return X, y, np.where(y == 1, 0.2 * signal, 0.8 * background)


def _decay(rng, m, pt, curved):
    """Momenta (px, py, pz) of the two massless daughters of particles of mass m and transverse momentum pt.

    The polar angle t in the rest frame has the density 1 + cos(t)^2 for `curved` = 1/4, and is flat for 0.
    """
    n = len(m)
    flat, cubed = rng.uniform(-1, 1, size=(2, n))
    cos_t = np.where(rng.uniform(size=n) < curved, np.cbrt(cubed), flat)
    angle, direction = rng.uniform(-np.pi, np.pi, size=(2, n))
    transverse_mass, rapidity = np.sqrt(m**2 + pt**2), rng.normal(0, 1, size=n)
    energy = transverse_mass * np.cosh(rapidity)
    parent = np.stack([pt * np.cos(direction), pt * np.sin(direction), transverse_mass * np.sinh(rapidity)])
    sin_t = np.sqrt(1 - cos_t**2)
    at_rest = m / 2 * np.stack([sin_t * np.cos(angle), sin_t * np.sin(angle), cos_t])
    # The Lorentz boost from the rest frame to one in which the parent has this momentum.
    first = at_rest + parent * ((at_rest * parent).sum(axis=0) / (m * (energy + m)) + 0.5)
    return first, parent - first


def generator(n_samples, noise, seed):
    if not isinstance(n_samples, int | np.integer) or n_samples < 1:
        raise ValueError(f"n_samples is {n_samples!r}; a whole number of at least 1 was expected.")
    if not noise >= 0:
        raise ValueError(f"noise is {noise!r}; a standard deviation of at least 0 was expected.")
    return np.random.default_rng(seed)
