"""What every notebook gets for Colab and Kaggle: a badge, and a cell that installs coursekit there."""

ADDRESS = "https://colab.research.google.com"


def address(repository, branch, notebook):
    """Where Colab opens `notebook` (its path in the repository)."""
    return f"{ADDRESS}/github/{repository}/blob/{branch}/{notebook}"


def badge(repository, branch, notebook):
    """A Markdown badge that opens `notebook` (its path in the repository) in Colab."""
    return f"[![Open in Colab]({ADDRESS}/assets/colab-badge.svg)]({address(repository, branch, notebook)})"


def setup_cell(repository, branch):
    """The code of the set-up cell.

    It installs coursekit and the two small packages that Colab lacks. ``--no-deps`` leaves the place's own TensorFlow,
    Keras and NumPy as they are.
    """
    return f"""# Installs coursekit, with its data, in Colab and on Kaggle. Elsewhere this cell does nothing.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("coursekit") is None:
    source = "coursekit @ git+https://github.com/{repository}@{branch}"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "anywidget", "psygnal", source]
    if "google.colab" not in sys.modules and "KAGGLE_KERNEL_RUN_TYPE" not in os.environ:
        print("coursekit is not installed here. In the course's folder, run: python -m coursekit lab")
    elif subprocess.call(command) != 0:
        print("coursekit could not be installed. Check the connection (Kaggle: Internet on); run this cell again.")"""
