"""The course as a site: the pages of docs/ and the executed solutions, through Sphinx and MyST-NB.

Every solution runs once; what its cells gave is kept in the user's cache folder. On a page of the site the student's
skeleton is shown and the solution folded away below it. Nothing on a page asks another server for anything: formulas
are set by the MathJax that a package carries, and the playground, whose network is JavaScript, needs no kernel.
"""

import json
import multiprocessing
import os
import posixpath
import re
import shutil
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from coursekit import build, place
from coursekit.colab import address

# What a folder holds that an earlier build has written: only such a one is written over.
MARK = ".buildinfo"
LINK = re.compile(r'(\]\(|(?:src|href)=")([^)"#\s:]+)(?=[#)"])')
BADGE = re.compile(r"\[!\[Open in Colab\]\S+\n?")


class SiteError(Exception):
    """The site cannot be built. The message is one sentence."""


def main(out):
    """What `coursekit site` does. Returns the exit status."""
    start = time.perf_counter()
    try:
        executed = solve([path.stem for path in place.notebooks()])
        build_site(out, {name: (_student(name), solution) for name, solution in executed.items()})
    except SiteError as reason:
        print(reason, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
    print(f"The site is in {out}: {size:.0f} MB, {time.perf_counter() - start:.0f} s. Open {out / 'index.html'}.")
    return 0


def build_site(out, notebooks):
    """Write the site.

    Parameters
    ----------
    out : Path
        An empty or a new folder, or one with an earlier site.
    notebooks : dict
        name -> the student's notebook, and the solution with its outputs.

    Raises
    ------
    SiteError
        Where the folder holds something else, or Sphinx has something to say against the pages.
    """
    out = Path(out)
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MARK).exists())):
        raise SiteError(f"{out} holds something that is no site: name another folder with --out.")
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pages = Path(folder) / "pages"
        write_pages(pages, notebooks)
        _sphinx(pages, out)


# --- what runs


def solve(names):
    """The executed solutions of the notebooks, by name; what is not in the cache runs, several at once.

    Raises
    ------
    SiteError
        Where one ends with an error, or a check does not pass.
    """
    import nbformat

    from coursekit.run import cache_folder, digest_of_run, share_cores

    try:
        kept = {name: cache_folder("site") / f"{name}-{digest_of_run(_solution(name))}.ipynb" for name in names}
    except OSError as reason:
        raise SiteError(f"{reason.filename} cannot be read. `git checkout -- solutions` brings it back.") from None
    missing = [name for name in names if not kept[name].exists()]
    workers = min(4, os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    if missing:
        several = f"{len(missing)} solutions run" if len(missing) > 1 else "The solution runs"
        print(f"{several}; this takes some minutes.", flush=True)
        os.environ |= share_cores(workers)  # the processes inherit it
        with ProcessPoolExecutor(workers, context) as pool:
            for name, seconds in zip(missing, pool.map(_run, missing, map(kept.get, missing)), strict=True):
                print(f"{name}  {seconds:.0f} s", flush=True)
    return {name: nbformat.read(path, as_version=4) for name, path in kept.items()}


def _solution(name):
    return place.folder() / "solutions" / f"{name}.ipynb"


def _run(name, kept):
    """Execute the solution of a notebook and keep it; the seconds that it took."""
    import nbformat

    from coursekit.run import execute

    done = execute(_solution(name))
    if not done.passed:
        failed = ", ".join(check["exercise"] for check in done.checks if check["status"] != "passed")
        raise SiteError(f"The solution {name} is not what a page should show: {done.error or failed + ' failed'}.")
    kept.parent.mkdir(parents=True, exist_ok=True)
    for other in kept.parent.glob(f"{name}-*.ipynb"):
        other.unlink()
    nbformat.write(done.notebook, kept)
    return done.seconds


# --- what Sphinx reads


def write_pages(folder, notebooks):
    """Write what Sphinx reads: docs/, a page for each notebook, pictures, downloads, and the playground."""
    import nbformat

    root = build.root()
    shutil.copytree(root / "docs", folder)
    shutil.copytree(root / "coursekit" / "exercises" / "pictures", folder / "pictures")
    (folder / "notebooks").mkdir()
    texts = {path.name: path.read_text(encoding="utf-8") for path in (root / "docs").glob("*.md")}
    texts["README.md"] = (root / "README.md").read_text(encoding="utf-8")
    for name, text in texts.items():
        text = relink(text, "" if name == "README.md" else "docs", notebooks)
        text = text.replace("{{repository}}", build.settings()["repository"])
        (folder / name).write_text(text, encoding="utf-8")
    for name, (student, executed) in notebooks.items():
        for kind in ("notebooks", "solutions"):
            (folder / "downloads" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(place.folder() / kind / f"{name}.ipynb", folder / "downloads" / kind)
        nbformat.write(page(name, student, executed, notebooks), folder / "notebooks" / f"{name}.ipynb")
    (folder / "playground.html").write_text(playground(), encoding="utf-8")
    questions = next(cell.source for cell in _student("playground").cells if cell.source.startswith("## Try it"))
    (folder / "try_it.md").write_text(questions, encoding="utf-8")


def page(name, student, executed, there=()):
    """The page of a notebook: the student's cells, each with the solution folded below it, and what came out.

    Parameters
    ----------
    name : str
    student, executed : NotebookNode
        The student's notebook, and the solution with its outputs. Cells that belong together have one id.
    there : container of str
        The notebooks that have a page: links to others lead to the repository.
    """
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    skeleton = {cell.id: cell.source for cell in student.cells}
    cells = []
    for number, cell in enumerate(executed.cells):
        if cell.cell_type == "markdown":
            text = relink(skeleton.get(cell.id, cell.source), "notebooks", there)
            if number == 0:
                title, _, rest = BADGE.sub("", text).partition("\n")
                text = f"{title}\n\n{_links(name)}\n{rest}"
            elif cell.id not in skeleton:
                text = f"<details>\n<summary>From the solution</summary>\n\n{text}\n\n</details>"
            cells.append(new_markdown_cell(text))
        elif cell.id != "colab" and re.search("(?m)^[^#\n]", cell.source):  # no hints without a kernel
            given = skeleton.get(cell.id)
            shown = new_code_cell(cell.source, outputs=[kept for kept in map(_output, cell.outputs) if kept])
            shown.metadata.mystnb = {"image": {"alt": _alt(cell.outputs)}}
            if given != cell.source:
                shown.metadata.tags = ["hide-cell"]
                shown.metadata.mystnb.code_prompt_show = "Show the solution" if given else "Show more of the solution"
                shown.metadata.mystnb.code_prompt_hide = "Hide it"
                cells += [new_code_cell(given)] if given else []
            cells.append(shown)
    return new_notebook(cells=cells, metadata=student.metadata)


def _student(name):
    import nbformat

    return nbformat.read(place.folder() / "notebooks" / f"{name}.ipynb", as_version=4)


def _links(name):
    course = build.settings()
    colab = address(course["repository"], course["branch"], f"notebooks/{name}.ipynb")
    return (
        f"[Open in Colab]({colab}) · [Download the notebook](path:/downloads/notebooks/{name}.ipynb) · "
        f"[Download its solution](path:/downloads/solutions/{name}.ipynb)\n"
    )


def _output(output):
    """An output without what only a kernel could show; None where nothing is left, or where it is a warning."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if "data" in output:
        output = output.copy()
        output["data"] = {kind: data for kind, data in output["data"].items() if "widget-view" not in kind}
        page = output["data"].get("text/html", "")
        if page.startswith("<pre"):  # Keras's tables: their colours are meant for a dark terminal
            output["data"]["text/html"] = re.sub(r"<span style=[^>]+>", "<span>", page)
    return output


def _alt(outputs):
    """The text alternative of what a cell draws: `plot.use_alt_text` has left it beside each picture."""
    texts = [output.data.get("text/plain", "") for output in outputs if "image/png" in output.get("data", {})]
    return " ".join("".join(text) for text in texts).replace("\n", " ")


def relink(text, base, there):
    """The text with its relative links as they are on the site; `base` is the folder of the repository that it is from.

    A file that is no page of the site is linked to in the repository.
    """
    course = build.settings()

    def target(match):
        path = posixpath.normpath(posixpath.join(base, match[2]))
        if path.startswith("/") or match[2].startswith("data:"):
            return match[0]
        folder, _, name = path.rpartition("/")
        if folder in ("notebooks", "solutions") and name.removesuffix(".ipynb") in there:
            found = f"/notebooks/{name}"
        elif path == "notebooks/playground.ipynb":
            found = "/playground.md"
        elif folder == "docs" and (build.root() / path).suffix in (".md", ".png"):
            found = f"/{name}"
        elif folder == "coursekit/exercises/pictures":
            found = f"/pictures/{name}"
        else:
            found = f"https://github.com/{course['repository']}/blob/{course['branch']}/{path}"
        return f"{match[1]}{found}"

    return LINK.sub(target, text)


def playground():
    """The playground as a piece of a page: its script, with a stand-in for the kernel's half of it."""
    from coursekit.widgets.plane import script
    from coursekit.widgets.playground import Playground

    play = Playground()
    state = {name: getattr(play, name) for name in Playground.class_own_traits(sync=True)} | {"points": play.points}
    module = script("network", "plane", "playground").replace("export default { render };", "")
    here = (build.root() / "docs" / "playground.js").read_text(encoding="utf-8")
    style = (place.PACKAGE / "widgets" / "plane.css").read_text(encoding="utf-8")
    return (
        f'<style>\n{style}</style>\n<div id="playground"></div>\n'
        f'<script type="module">\nconst STATE = {json.dumps(state)};\n{module}\n{here}</script>\n'
    )


def _sphinx(pages, out):
    """Run Sphinx in this process; its warnings are errors."""
    from sphinx.cmd.build import build_main

    said = pages.parent / "said"
    options = ["-q", "-W", "--keep-going", "-j", "auto", "-w", str(said), "-c", str(build.root() / "docs")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # to the authors of extensions
        status = build_main([*options, "-b", "html", "-d", str(pages.parent / "trees"), str(pages), str(out)])
    if status:
        raise SiteError(f"Sphinx refuses the pages: {said.read_text(encoding='utf-8').strip()}")
