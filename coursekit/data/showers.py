"""A toy calorimeter: particle showers, simulated particle by particle."""

import math
import random

import numpy as np

LAYERS = 12
LAYER_DEPTH = 2.0  # radiation lengths
CRITICAL_ENERGY = 0.01  # GeV; below it a particle makes no more particles
SEEN = 0.5  # share of the stopped particles that the calorimeter sees


def simulate_shower(energy, rng=None):
    """Follow every particle of one electromagnetic shower, step by step.

    A particle flies a distance drawn from an exponential distribution with a mean of one radiation length, and splits
    into two that share its energy at random. A particle below the critical energy stops and leaves its energy in the
    layer where it is. The calorimeter sees half of those, at random, and doubles what it sees. The mean over many
    showers follows the profile dE/dt = E b (b t)^(a-1) exp(-b t) / Gamma(a) of Longo and Sestili (1975).

    Parameters
    ----------
    energy : float
        Energy of the photon that begins the shower, GeV.
    rng : random.Random, optional

    Returns
    -------
    ndarray of float, shape (12,)
        Energy seen in each layer, GeV. A layer is two radiation lengths deep; what leaves at the back is lost.

    Raises
    ------
    ValueError
        Where the energy is not between 0 and 1000 GeV.
    """
    if not 0 < energy < 1000:
        raise ValueError(f"energy is {energy}; a number of GeV between 0 and 1000 was expected.")
    rng = rng or random.Random()
    layers = [0.0] * LAYERS
    flying = [(energy, 0.0)]
    while flying:
        energy, depth = flying.pop()
        if energy < CRITICAL_ENERGY:
            if rng.random() < SEEN:
                layers[int(depth / LAYER_DEPTH)] += energy / SEEN
            continue
        depth -= math.log(1.0 - rng.random())
        if depth >= LAYERS * LAYER_DEPTH:
            continue
        share = rng.random()
        flying.append((energy * share, depth))
        flying.append((energy * (1.0 - share), depth))
    return np.array(layers)


def make_showers(n_samples=2000, seed=None):
    """Showers of photons whose energies are uniform between 1 and 10 GeV.

    Returns
    -------
    energies : ndarray of float, shape (n_samples,)
        GeV.
    showers : ndarray of float, shape (n_samples, 12)
        Energy seen in each layer, GeV.
    """
    if n_samples != int(n_samples) or n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}; a whole number of at least 1 was expected.")
    rng = random.Random(seed)
    energies = np.array([rng.uniform(1.0, 10.0) for _ in range(int(n_samples))])
    return energies, np.stack([simulate_shower(energy, rng) for energy in energies])
