"""Draw the sample digits of this course: pen strokes on paper, made by hand as lists of points.

Each digit is a list of strokes, each stroke a list of points (x, y) in a box of width 1 and height 1.4, y downwards; a
smooth curve is laid through them. A "hand" slants, stretches and trembles. Neither a font nor MNIST was used.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

STROKES = {
    0: [[(0.55, 0.02), (0.15, 0.25), (0.05, 0.75), (0.25, 1.3), (0.6, 1.35), (0.92, 0.95), (0.9, 0.4), (0.6, 0.03), (0.45, 0.05)]],
    1: [[(0.3, 0.3), (0.55, 0.05), (0.56, 0.5), (0.54, 1.38)]],
    2: [[(0.1, 0.35), (0.3, 0.05), (0.75, 0.08), (0.85, 0.4), (0.55, 0.85), (0.1, 1.32), (0.4, 1.3), (0.95, 1.32)]],
    3: [[(0.12, 0.15), (0.5, 0.0), (0.82, 0.25), (0.65, 0.58), (0.38, 0.65), (0.72, 0.72), (0.9, 1.05), (0.55, 1.37), (0.08, 1.22)]],
    4: [[(0.5, 0.02), (0.3, 0.45), (0.08, 0.85), (0.5, 0.87), (0.95, 0.84)], [(0.72, 0.4), (0.7, 0.9), (0.68, 1.38)]],
    5: [[(0.85, 0.05), (0.5, 0.06), (0.25, 0.08), (0.2, 0.35), (0.18, 0.6), (0.5, 0.5), (0.85, 0.75), (0.82, 1.15), (0.45, 1.37), (0.08, 1.22)]],
    6: [[(0.72, 0.03), (0.4, 0.3), (0.15, 0.8), (0.22, 1.25), (0.55, 1.37), (0.85, 1.15), (0.75, 0.8), (0.45, 0.75), (0.2, 0.98)]],
    7: [[(0.08, 0.1), (0.5, 0.08), (0.9, 0.09), (0.7, 0.5), (0.5, 0.95), (0.4, 1.38)]],
    8: [[(0.8, 0.2), (0.5, 0.02), (0.2, 0.2), (0.35, 0.55), (0.7, 0.85), (0.8, 1.15), (0.5, 1.37), (0.18, 1.15), (0.3, 0.85), (0.68, 0.55), (0.82, 0.25)]],
    9: [[(0.82, 0.3), (0.5, 0.04), (0.18, 0.25), (0.22, 0.6), (0.55, 0.7), (0.82, 0.4), (0.84, 0.28), (0.82, 0.8), (0.72, 1.38)]],
}  # fmt: skip


def smooth(points, steps=24):
    """A Catmull-Rom curve through `points`, shape (n, 2)."""
    p = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.vstack([*parts, points[-1:]])


def draw(digit, rng, size, height, place, pen, paper=232, uneven=18):
    """A picture of one digit.

    Parameters
    ----------
    size : (int, int)
        Width and height of the paper in pixels.
    height : float
        Height of the digit in pixels.
    place : (float, float)
        Where the digit's centre lies, as fractions of the paper.
    pen : float
        Width of the stroke in pixels.
    """
    zoom = 3
    slant, wide = rng.uniform(-0.05, 0.3), rng.uniform(0.8, 1.05)
    image = Image.new("L", (size[0] * zoom, size[1] * zoom), 0)
    brush = ImageDraw.Draw(image)
    for stroke in STROKES[digit]:
        points = np.array(stroke) + rng.normal(0, 0.022, (len(stroke), 2)) - [0.5, 0.7]
        points = smooth(points) * [wide, 1.0]
        points[:, 0] -= slant * points[:, 1]
        pixels = (points / 1.4 * height + np.array(size) * place) * zoom
        for x, y in pixels:  # round dots along the curve: a pen with a round tip, pressed unevenly
            r = pen * zoom / 2 * rng.uniform(0.93, 1.07)
            brush.ellipse([x - r, y - r, x + r, y + r], fill=255)
        brush.line([tuple(point) for point in pixels], fill=255, width=round(pen * zoom), joint="curve")
    ink = np.asarray(image.resize(size, Image.LANCZOS).filter(ImageFilter.GaussianBlur(0.7)), float) / 255
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    light = paper - uneven * (columns / size[0] * 0.7 + rows / size[1] * 0.3) + rng.normal(0, 2.0, ink.shape)
    return Image.fromarray(np.clip(light * (1 - ink) + 45 * ink, 0, 255).astype("uint8"))


def main(folder):
    """Write your_own_digit.png, digits/*.png and digits/labels.csv into `folder`."""
    folder = Path(folder)
    (folder / "digits").mkdir(exist_ok=True)
    lines = ["file,label,place"]
    for digit in range(10):
        for hand, letter in enumerate("abc"):
            rng = np.random.default_rng([digit, hand])
            # Two hands write near the middle; the third in a corner of the paper.
            place = rng.uniform(0.42, 0.58, 2) if hand < 2 else rng.choice([0.24, 0.76], 2)
            height = rng.uniform(90, 120) if hand < 2 else rng.uniform(60, 68)
            pen = rng.uniform(9, 13) if hand == 0 else rng.uniform(6, 9)
            name = f"{digit}_{letter}.png"
            draw(digit, rng, (160, 160), height, place, pen).save(folder / "digits" / name, optimize=True)
            lines.append(f"{name},{digit},{'middle' if hand < 2 else 'corner'}")
    (folder / "digits" / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    own = draw(5, np.random.default_rng(55), (220, 260), 130, (0.4, 0.56), 12, paper=225, uneven=45)
    own.save(folder / "your_own_digit.png", optimize=True)


if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
