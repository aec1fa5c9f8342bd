"""Pictures of handwriting, as phones and paint programs make them."""

import numpy as np
import pytest
from PIL import Image

from coursekit import data
from coursekit.data.photographs import otsu_level
from tests.cases.c04b_your_own_digit import preparation

PHOTO = data.read_image("your_own_digit.png")


def saved(tmp_path, picture, name="own.png", **options):
    picture.save(tmp_path / name, **options)
    return data.read_image(tmp_path / name)


def test_a_shipped_picture_is_read_without_a_word(capsys):
    assert PHOTO.shape == (260, 220) and PHOTO.dtype == np.uint8
    data.read_image("your_own_digit.png")
    assert not capsys.readouterr().out


def test_what_is_transparent_is_white(tmp_path, capsys):
    assert (saved(tmp_path, Image.new("RGBA", (6, 4), (0, 0, 0, 0))) == 255).all()
    assert "transparent made white" in capsys.readouterr().out


def test_a_phone_s_portrait_is_turned_upright(tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise
    lying = Image.fromarray(np.rot90(PHOTO))
    read = saved(tmp_path, lying, "own.jpg", exif=exif, quality=95)
    assert read.shape == PHOTO.shape and np.abs(read.astype(int) - PHOTO).mean() < 3
    assert "turned upright" in capsys.readouterr().out


@pytest.mark.parametrize("most", [65535, 255])
def test_sixteen_bits_are_brought_to_eight(tmp_path, capsys, most):
    values = (PHOTO.astype(float) / 255 * most).astype("uint16")
    assert np.abs(saved(tmp_path, Image.fromarray(values)).astype(int) - PHOTO).max() <= 1
    assert "16 bits" in capsys.readouterr().out


@pytest.mark.parametrize("mode, name", [("P", "own.gif"), ("CMYK", "own.jpg"), ("LA", "own.png"), ("RGB", "own.png")])
def test_other_kinds_of_pictures(tmp_path, mode, name):
    read = saved(tmp_path, Image.fromarray(PHOTO).convert(mode), name)
    assert read.shape == PHOTO.shape and np.corrcoef(read.ravel(), PHOTO.ravel())[0, 1] > 0.7


def test_what_cannot_be_read_gets_one_sentence(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match="not a picture"):
        data.read_image(tmp_path / "text.png")
    with pytest.raises(FileNotFoundError, match="beside the notebook"):
        data.read_image(tmp_path / "none.png")


def test_otsu_stands_between_two_groups():
    rng = np.random.default_rng(0)
    assert 80 < otsu_level(np.concatenate([rng.normal(50, 10, 900), rng.normal(200, 10, 100)])) < 170


@pytest.fixture(scope="module")
def share_read():
    import keras

    model = keras.models.load_model(data.path("mnist_cnn.keras"))
    drawn, digits = data.load_drawn_digits()

    def share(make):
        prepare = preparation()
        pictures = np.array([prepare(make(picture)) for picture in drawn])
        return np.mean(model.predict(pictures[..., None], verbose=0).argmax(axis=1) == digits)

    return share


@pytest.mark.parametrize("how", data.DISTURBANCES)
def test_a_cleaned_picture_is_read(share_read, how):
    """Every disturbance costs digits, and cleaning brings them back."""
    assert share_read(lambda picture: data.disturb_photo(picture, how)) < 0.9
    assert share_read(lambda picture: data.clean_photo(data.disturb_photo(picture, how))) > 0.95


def test_a_picture_of_twelve_megapixels_is_reduced():
    large = np.asarray(Image.fromarray(PHOTO).resize((3000, 4000)))
    assert data.clean_photo(large).shape == (480, 360)


@pytest.mark.parametrize("noise", [0, 3])
def test_a_blank_page_gets_a_sentence(noise):
    page = np.clip(np.random.default_rng(0).normal(230, noise, (160, 160)), 0, 255).astype("uint8")
    with pytest.raises(ValueError, match="No ink"):
        data.clean_photo(page)


def test_an_unknown_disturbance_lists_the_known():
    with pytest.raises(ValueError, match="ruled paper"):
        data.disturb_photo(PHOTO, "coffee")
