"""A graph of people, and decays whose particles have no order."""

import numpy as np

from coursekit.data.generators import generator

# Every pair of members who met outside the club, each once: member -> the later members that they met. Members are
# numbered from 0; Zachary numbers them from 1.
_TIES = {
    0: (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31),
    1: (2, 3, 7, 13, 17, 19, 21, 30),
    2: (3, 7, 8, 9, 13, 27, 28, 32),
    3: (7, 12, 13),
    4: (6, 10),
    5: (6, 10, 16),
    6: (16,),
    8: (30, 32, 33),
    9: (33,),
    13: (33,),
    14: (32, 33),
    15: (32, 33),
    18: (32, 33),
    19: (33,),
    20: (32, 33),
    22: (32, 33),
    23: (25, 27, 29, 32, 33),
    24: (25, 27, 31),
    25: (31,),
    26: (29, 33),
    27: (33,),
    28: (31, 33),
    29: (32, 33),
    30: (32, 33),
    31: (32, 33),
    32: (33,),
}
_WITH_THE_INSTRUCTOR = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21)


def load_karate_club():
    """Load Zachary's karate club: 34 members, 78 friendships, and the two clubs it split into.

    Returns
    -------
    edges : numpy.ndarray of int, shape (78, 2)
        Pairs of members who met outside the club, the smaller number first; members count from 0.
    faction : numpy.ndarray of int, shape (34,)
        The club that each member joined after the split: 0 with the instructor (member 0), 1 with the administrator
        (member 33). Member 8 was the administrator's supporter and joined the instructor's club all the same.

    References
    ----------
    Zachary, W. W. (1977). An information flow model for conflict and fission in small groups. Journal of
    Anthropological Research, 33(4), 452-473.
    """
    edges = np.array([(member, other) for member, others in _TIES.items() for other in others])
    faction = np.ones(34, dtype=int)
    faction[list(_WITH_THE_INSTRUCTOR)] = 0
    return edges, faction


def make_decays(n_samples=2000, noise=0.05, seed=None, *, max_particles=12):
    """Simulate particles that decay at rest into two or into three bodies, each of which breaks into fragments.

    Two bodies fly back to back with half of the energy each. Three bodies share the energy as flat phase space has it
    for massless bodies (uniform in two of the three energies), where none takes more than 0.85 of what one of two
    bodies has. Each body breaks into two or more fragments along its direction, with a small spread (`noise`). The
    number of fragments is uniform from 6 to 12 in both classes, so that counting them tells nothing.

    Parameters
    ----------
    n_samples : int
        Number of decays.
    noise : float
        Standard deviation of each component of what is added to a fragment's momentum.
    seed : int, optional
    max_particles : int
        Rows of each decay, at least 12; those that no fragment fills are 0.

    Returns
    -------
    particles : numpy.ndarray of float32, shape (n_samples, max_particles, 3)
        The momentum of each fragment, in units of half of the decaying particle's mass. The order means nothing.
    mask : numpy.ndarray of float32, shape (n_samples, max_particles)
        1 for a fragment, 0 for padding.
    n_bodies : numpy.ndarray of int, shape (n_samples,)
        0 for two bodies, 1 for three.

    Raises
    ------
    ValueError
        Where `n_samples` is not a whole number of 1 or more, `noise` is negative, or `max_particles` is below 12.

    References
    ----------
    Flat phase space of three bodies: Particle Data Group, Review of Particle Physics, chapter "Kinematics".
    """
    if max_particles < 12:
        raise ValueError(f"max_particles is {max_particles}; at least 12 was expected: a decay has up to 12 fragments.")
    rng, n = generator(n_samples, noise, seed), int(n_samples)
    three = rng.integers(0, 2, n)
    bodies = np.where(three[:, None, None] == 1, _three_bodies(rng, n), _two_bodies(n)) @ _rotations(rng, n)
    count = rng.integers(6, 13, n)
    slot = np.arange(max_particles)
    owner = rng.integers(0, 2 + three[:, None], (n, max_particles))
    owner[:, :6] = slot[:6] % (2 + three[:, None])  # two fragments a body at least
    filled = slot < count[:, None]
    share = rng.exponential(size=(n, max_particles)) * filled
    for body in range(3):
        mine = owner == body
        share = np.where(mine, share / np.maximum((share * mine).sum(axis=1, keepdims=True), 1e-12), share)
    direction = np.take_along_axis(bodies, owner[:, :, None], axis=1)
    spread = rng.normal(0, noise, (n, max_particles, 3))
    particles = (share[:, :, None] * direction + spread) * filled[:, :, None]
    order = rng.permuted(np.tile(slot, (n, 1)), axis=1)
    order = np.take_along_axis(order, np.argsort(~np.take_along_axis(filled, order, axis=1), axis=1, kind="stable"), 1)
    particles = np.take_along_axis(particles, order[:, :, None], axis=1)
    return particles.astype("float32"), filled.astype("float32"), three


def _two_bodies(n):
    """Two momenta of length 1, back to back, and an empty third: shape (n, 3, 3)."""
    return np.broadcast_to(np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 0, 0]]), (n, 3, 3))


def _three_bodies(rng, n):
    """Momenta of three massless bodies in a plane whose energies add up to 2: shape (n, 3, 3)."""
    energies = np.empty((0, 3))
    while len(energies) < n:
        pair = rng.uniform(0, 1, (4 * n + 100, 2))
        tried = np.column_stack([pair, 2 - pair.sum(axis=1)])
        energies = np.concatenate([energies, tried[tried.max(axis=1) < 0.85]])
    a, b, c = energies[:n].T
    cosine = (c**2 - a**2 - b**2) / (2 * a * b)  # momenta add up to 0
    sine = np.sqrt(np.clip(1 - cosine**2, 0, 1))
    zero = np.zeros(n)
    first, second = np.stack([a, zero, zero], axis=1), np.stack([b * cosine, b * sine, zero], axis=1)
    return np.stack([first, second, -first - second], axis=1)


def _rotations(rng, n):
    """Rotations drawn evenly, shape (n, 3, 3)."""
    q, r = np.linalg.qr(rng.normal(size=(n, 3, 3)))
    return q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
