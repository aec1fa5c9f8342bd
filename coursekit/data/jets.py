"""Toy jets: quarks and gluons that radiate, and radiate again."""

import numpy as np

ALPHA_S = 0.25  # strong coupling, held fixed; in nature it grows from 0.12 at 100 GeV to about 0.5 at 1 GeV
CUTOFF = 0.5  # GeV; a splitting with less transverse momentum is not resolved
RADIUS = 0.4  # largest opening angle, in the plane of pseudorapidity and azimuth
COLOUR = np.array([4 / 3, 3.0])  # colour factors: C_F of a quark, C_A of a gluon


def make_jets(n_samples=1000, seed=None, *, energy=1000.0, n_particles=40, pileup=12.0):
    """Jets of particles from a toy parton shower; half of them begin with a quark, half with a gluon.

    A parton of energy E splits at the opening angle R into two, of energies z E and (1 - z) E, with the probability

        dP = alpha_s / (2 pi) * dR^2 / R^2 * P(z) dz

    where P(z) is the splitting function of Altarelli and Parisi (1977), z the share of the radiated gluon:

        quark:  P(z) = C_F (1 + (1 - z)^2) / z,             C_F = 4/3
        gluon:  P(z) = C_A (2 (1 - z) / z + z (1 - z)),      C_A = 3

    (that of the gluon is written with its symmetry in z and 1 - z used). So a gluon radiates 9/4 times as often as a
    quark where z is small: this is the main difference between the classes. Radiation is ordered in angle: both
    products split again, at smaller angles only, a radiated gluon always as a gluon. A splitting must have a
    transverse momentum z (1 - z) E R above 0.5 GeV. The energy-weighted centre of the two products is where the parent
    was, so that the jet stays centred. Angles are drawn with the veto algorithm.

    Left out: the running of the coupling, gluons that split into quarks, masses, hadronisation, the detector.

    Parameters
    ----------
    n_samples : int
    seed : int or numpy.random.Generator, optional
    energy : float
        Transverse momentum of the first parton, GeV.
    n_particles : int
        Rows a jet. Of a jet with more particles the softest are dropped; a jet with fewer is filled up with zeros.
    pileup : float
        Mean number of particles from other collisions in the jet: the same for both classes, uniform in a square of
        half-width 0.4, with an exponential spectrum of mean 1 GeV above 0.5 GeV.

    Returns
    -------
    jets : ndarray of float, shape (n_samples, n_particles, 3)
        For each particle its transverse momentum (GeV), and its distance from the axis of the jet in pseudorapidity
        and in azimuth (radians), in no order. Rows of zeros, which are no particles, come last.
    y : ndarray of int, shape (n_samples,)
        0 for a quark, 1 for a gluon.

    Raises
    ------
    ValueError
        Where a parameter is out of range.

    Notes
    -----
    Sources: Altarelli, G., Parisi, G. (1977), Nuclear Physics B 126, 298; Ellis, R. K., Stirling, W. J., Webber, B. R.
    (1996), QCD and Collider Physics, chapter 5 (splitting functions, angular ordering, shower algorithms), Cambridge
    University Press.
    """
    if n_samples != int(n_samples) or n_samples < 1:
        raise ValueError(f"n_samples is {n_samples}; a whole number of at least 1 was expected.")
    if n_particles != int(n_particles) or n_particles < 1:
        raise ValueError(f"n_particles is {n_particles}; a whole number of at least 1 was expected.")
    if not 10 <= energy <= 10_000:
        raise ValueError(f"energy is {energy}; a number of GeV between 10 and 10,000 was expected.")
    if not 0 <= pileup <= 1000:
        raise ValueError(f"pileup is {pileup}; a number between 0 and 1000 was expected.")
    rng = np.random.default_rng(seed)
    n_samples, n_particles = int(n_samples), int(n_particles)
    y = rng.permutation(np.arange(n_samples) % 2)
    jet, particles = _shower(y, float(energy), rng)
    jet_more, more = _pileup(n_samples, pileup, rng)
    return _rows(np.append(jet, jet_more), np.concatenate([particles, more]), n_samples, n_particles, rng), y


def _shower(y, energy, rng):
    """All particles of all jets: the jet of each, (n,), and transverse momentum and position, (n, 3).

    Every round each parton that may still split draws one smaller angle and one z from an overestimate of the
    probability, 2 C / z; the splitting happens with the ratio of true to overestimate, else the parton draws on.
    """
    jet, gluon = np.arange(len(y)), y == 1
    parton = np.column_stack([np.full(len(y), energy), np.zeros((len(y), 2))])
    angle = np.full(len(y), RADIUS)  # the largest that the parton may still open
    done = []
    while len(jet):
        log_range = np.log(np.maximum(parton[:, 0] * angle / CUTOFF, 1.0))  # z lies between exp(-log_range) and 1
        rate = ALPHA_S / np.pi * COLOUR[gluon.astype(int)] * log_range  # a unit of ln R^2
        with np.errstate(divide="ignore"):
            angle = angle * np.exp(np.log(rng.random(len(jet))) / (2 * rate))
        z = np.exp(-rng.random(len(jet)) * log_range)
        alive = parton[:, 0] * angle / 4 > CUTOFF  # z (1 - z) is at most 1/4
        done.append((jet[~alive], parton[~alive]))
        jet, gluon, parton, angle, z = jet[alive], gluon[alive], parton[alive], angle[alive], z[alive]
        true_share = np.where(gluon, (1 - z) * (1 + z**2 / 2), (1 + (1 - z) ** 2) / 2)
        splits = (rng.random(len(jet)) < true_share) & (z * (1 - z) * parton[:, 0] * angle > CUTOFF)
        hard, soft = _split(parton[splits], z[splits], angle[splits], rng)
        parton[splits] = hard
        jet, gluon = np.append(jet, jet[splits]), np.append(gluon, np.ones(splits.sum(), dtype=bool))
        parton, angle = np.concatenate([parton, soft]), np.append(angle, angle[splits])
    return np.concatenate([part[0] for part in done]), np.concatenate([part[1] for part in done])


def _split(parton, z, angle, rng):
    """The two products of each splitting, both (n, 3): they share the energy and keep its centre in place."""
    turn = rng.uniform(0, 2 * np.pi, len(z))
    apart = np.column_stack([np.zeros(len(z)), angle * np.cos(turn), angle * np.sin(turn)])
    hard, soft = parton - z[:, None] * apart, parton + (1 - z)[:, None] * apart
    hard[:, 0] *= 1 - z
    soft[:, 0] *= z
    return hard, soft


def _pileup(n_samples, mean, rng):
    """Soft particles all over the jet: the jet of each, and transverse momentum and position."""
    jet = np.repeat(np.arange(n_samples), rng.poisson(mean, n_samples))
    momentum = 0.5 + rng.exponential(1.0, (len(jet), 1))
    return jet, np.hstack([momentum, rng.uniform(-RADIUS, RADIUS, (len(jet), 2))])


def _rows(jet, particles, n_samples, n_particles, rng):
    """The particles of each jet in a block of `n_particles` rows: the hardest, in random order, then zeros."""
    order = np.lexsort((-particles[:, 0], jet))
    kept = order[_place(jet[order]) < n_particles]
    kept = kept[np.lexsort((rng.random(len(kept)), jet[kept]))]
    jets = np.zeros((n_samples, n_particles, 3))
    jets[jet[kept], _place(jet[kept])] = particles[kept]
    return jets


def _place(jet):
    """The number of each particle within its jet; `jet` is sorted."""
    return np.arange(len(jet)) - np.searchsorted(jet, jet)
