"""Loaders of the shipped data sets. Cards with sources and licences stand in data/README.md."""

import numpy as np

from coursekit.data.files import DataError, damaged, path
from coursekit.data.photographs import read_image


def load_mnist():
    """Load MNIST: 70,000 handwritten digits.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : uint8 arrays
        Images of shape (60000, 28, 28) and (10000, 28, 28), ink bright (255) on dark (0); labels 0 to 9.

    Raises
    ------
    DataError
        Where the file is missing or damaged.

    References
    ----------
    LeCun, Y., Bottou, L., Bengio, Y., Haffner, P. (1998). Gradient-based learning applied to document recognition.
    Proceedings of the IEEE, 86(11), 2278-2324.
    """
    try:
        with np.load(path("mnist.npz"), allow_pickle=False) as file:
            return (file["x_train"], file["y_train"]), (file["x_test"], file["y_test"])
    except DataError:
        raise
    except Exception:
        raise damaged("mnist.npz") from None


def load_ames():
    """Load the Ames housing data: 2,930 sales in Ames, Iowa, 2006 to 2010.

    Returns
    -------
    pandas.DataFrame
        2,930 rows, 82 columns in snake_case; `sale_price` in US dollars, areas in square feet, `longitude` and
        `latitude` in degrees. Missing categories are spelt out ("No_Garage"), as in modeldata.

    References
    ----------
    De Cock, D. (2011). Ames, Iowa: alternative to the Boston housing data as an end of semester regression project.
    Journal of Statistics Education, 19(3).
    """
    return _csv("ames.csv.gz")


# The columns of `load_ames` that the exercises on house prices begin with.
AMES_NUMBERS = (
    "overall_quality",
    "gr_liv_area",
    "total_bsmt_sf",
    "garage_area",
    "first_flr_sf",
    "lot_area",
    "full_bath",
    "fireplaces",
    "year_built",
    "year_remod_add",
    "longitude",
    "latitude",
)


def load_ames_numbers():
    """Load twelve numbers of each house in `load_ames`, and its price.

    Returns
    -------
    X : numpy.ndarray of shape (2930, 12)
        The columns `AMES_NUMBERS`, in their own units.
    y : numpy.ndarray of shape (2930,)
        The price in units of 100,000 US dollars.
    """
    table = load_ames()
    return table[list(AMES_NUMBERS)].to_numpy(float), table["sale_price"].to_numpy(float) / 100_000


def ames_rows():
    """The rows of `load_ames` that every exercise trains on, chooses by and is judged on.

    Five sales of more than 4,000 square feet are left out, as De Cock (2011) advises: three of them went for far less
    than they were worth, and one of these in a test set would count more than a hundred other houses.

    Returns
    -------
    train, val, test : numpy.ndarray of int, shapes (1755,), (585,), (585,)
        A shuffled partition of 2,925 rows: 60, 20 and 20 per cent.
    """
    usual = np.flatnonzero(load_ames()["gr_liv_area"] <= 4000)
    order = np.random.default_rng(0).permutation(usual)
    return order[:1755], order[1755:2340], order[2340:]


def load_boston():
    """Load the Boston housing data of 1978: 506 census tracts. For the audit in notebook 03 only; see its card.

    Returns
    -------
    pandas.DataFrame
        506 rows; `medv`, the median value of homes in 1,000 US dollars, and 13 features.

    References
    ----------
    Harrison, D., Rubinfeld, D. L. (1978). Hedonic housing prices and the demand for clean air. Journal of Environmental
    Economics and Management, 5(1), 81-102.
    """
    return _csv("boston.csv")


def load_credit():
    """Load the credit records: 4,454 customers of a lender, and whether each paid back.

    Returns
    -------
    pandas.DataFrame
        4,454 rows, 14 columns. `status` is "good" or "bad"; `home`, `marital`, `records` and `job` are categories, the
        other nine are numbers. Missing values are NaN: 381 of `income`, 47 of `assets`, 18 of `debt`, 6 of `home`, 1 of
        `marital`, 2 of `job`.

    References
    ----------
    The table `credit_data` of the R package modeldata; collected by L. Belanche Munoz, published by G. Sanchez.
    """
    return _csv("credit.csv")


def load_sunspots():
    """Load the yearly mean number of sunspots, 1700 to 2008.

    Returns
    -------
    pandas.DataFrame
        309 rows: `year`, and `sunspots`, the yearly mean of the daily numbers.
    """
    return _csv("sunspots.csv")


def load_drawn_digits():
    """Load the sample digits that were drawn for this course: dark ink on light paper, anywhere in the picture.

    Returns
    -------
    images : list of numpy.ndarray
        Grey pictures of different sizes, uint8 of shape (height, width); 0 is black.
    labels : numpy.ndarray of int, shape (n,)
    """
    labels = _csv("digits/labels.csv")
    return [read_image(path(f"digits/{name}")) for name in labels["file"]], labels["label"].to_numpy()


def load_letters_network():
    """Load a small network that was trained on printed letters, for notebook 09 to borrow its body.

    It was trained on 20,000 pictures that `data/train_letters.py` drew from the fonts DejaVu and STIX; capital and
    small letters share an output. It has seen no digit. Licence: BSD-3-Clause, like the code.

    Returns
    -------
    keras.Sequential
        Pictures (n, 28, 28, 1) with grey values in [0, 1] and bright ink go in, 26 probabilities (a to z) come out.
        Three convolutions and `Flatten` give 288 features; the last layer is the head. It is not compiled.

    Raises
    ------
    DataError
        Where the file is missing or damaged.
    """
    import keras  # here, because most of those who load data need no Keras

    try:
        return keras.models.load_model(path("letters_cnn.keras"), compile=False)
    except DataError:
        raise
    except Exception:
        raise damaged("letters_cnn.keras") from None


def _csv(name):
    import pandas as pd

    try:
        # "None" and "NA" are categories here, not missing values.
        return pd.read_csv(path(name), keep_default_na=False, na_values=[""])
    except DataError:
        raise
    except Exception:
        raise damaged(name) from None
