"""Shipped data sets and seeded generators. Nothing here needs the network.

Loaders follow keras.datasets (``load_mnist() -> (x_train, y_train), (x_test, y_test)``) or return a DataFrame;
generators follow scikit-learn (``make_xor(n_samples, noise, seed) -> X, y``).
"""

from coursekit.data.files import DataError, path, verify_all
from coursekit.data.generators import (
    curve,
    make_curve,
    make_digit_pairs,
    make_lepton_pairs,
    make_lines,
    make_spirals,
    make_spring,
    make_surface,
    make_trigger,
    make_xor,
    shift_images,
    surface,
)
from coursekit.data.graphs import load_karate_club, make_decays
from coursekit.data.jets import make_jets
from coursekit.data.loaders import (
    AMES_NUMBERS,
    ames_rows,
    load_ames,
    load_ames_numbers,
    load_boston,
    load_credit,
    load_drawn_digits,
    load_letters_network,
    load_mnist,
    load_sunspots,
)
from coursekit.data.photographs import DISTURBANCES, clean_photo, disturb_photo, read_image
from coursekit.data.showers import make_showers, simulate_shower

__all__ = [
    "AMES_NUMBERS",
    "DISTURBANCES",
    "DataError",
    "ames_rows",
    "clean_photo",
    "curve",
    "disturb_photo",
    "load_ames",
    "load_ames_numbers",
    "load_boston",
    "load_credit",
    "load_drawn_digits",
    "load_karate_club",
    "load_letters_network",
    "load_mnist",
    "load_sunspots",
    "make_curve",
    "make_decays",
    "make_digit_pairs",
    "make_jets",
    "make_lepton_pairs",
    "make_lines",
    "make_showers",
    "make_spirals",
    "make_spring",
    "make_surface",
    "make_trigger",
    "make_xor",
    "path",
    "read_image",
    "shift_images",
    "simulate_shower",
    "surface",
    "verify_all",
]
