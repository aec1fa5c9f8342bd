"""Draw docs/exercise.png, the picture of an exercise and its card in the README.

    python benchmarks/readme_picture.py

Needs chromium. The card is what the check really says of a student's answer.
"""

import base64
import re
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops
from sklearn.neural_network import MLPClassifier

from coursekit.build import root
from coursekit.checks import cards, framework
from coursekit.checks.server import local_student
from coursekit.data import make_xor
from coursekit.place import EXERCISES

ANSWER = """model = MLPClassifier(hidden_layer_sizes=(16,), activation="tanh",
                      solver="lbfgs", max_iter=1000, random_state=seed)
model.fit(X, y);"""
PAGE = """<body style="font:15px sans-serif;width:920px;margin:18px;background:#fff;color:#111">
<h2 style="margin:0 0 8px">01.3 · A network that learns XOR</h2>
<p style="margin:0 0 10px"><b>Goal:</b> {goal}</p>
<pre style="background:#f5f5f5;border:1px solid #ddd;padding:9px;margin:6px 0">{answer}</pre>
<pre style="background:#f5f5f5;border:1px solid #ddd;padding:9px;margin:6px 0">ck.check("01.3", model)</pre>
{card}
<img style="margin-top:6px" height="290" src="data:image/png;base64,{picture}">
</body>"""


def main():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("chromium was not found; it draws the page.")
    X, y = make_xor(n_samples=400, noise=0.15, seed=0)
    model = MLPClassifier((16,), activation="tanh", solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    report = framework.judge(framework.get_exercise("01.3"), local_student({"model": model}))
    picture = base64.b64encode((EXERCISES / "pictures" / "01.3.png").read_bytes()).decode()
    source = (root() / "course" / "01_xor_mlp.py").read_text(encoding="utf-8")
    goal = re.search(r"## 01\.3.*?\*\*Goal:\*\* (.+?)\n#\n", source, re.S)[1].replace("\n#", "")
    goal = re.sub(r"`(.+?)`", r"<code>\1</code>", escape(goal))
    page = PAGE.format(goal=goal, answer=escape(ANSWER), card=cards.report_html(report), picture=picture)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.html").write_text(page, encoding="utf-8")
        shot = Path(folder) / "shot.png"
        command = [chromium, "--headless", "--no-sandbox", f"--screenshot={shot}", "--window-size=960,900", "page.html"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        drawn = Image.open(shot).convert("RGB")
        white = ImageChops.difference(drawn, Image.new("RGB", drawn.size, "white"))
        rows = np.flatnonzero(np.asarray(white).any(axis=(1, 2)))
        page = drawn.crop((0, 0, drawn.width, rows[-1] + 16))
        page.quantize(128).save(root() / "docs" / "exercise.png", optimize=True)


if __name__ == "__main__":
    main()
