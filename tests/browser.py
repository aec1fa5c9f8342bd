"""JupyterLab in a headless browser, for the tests that need a real page."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_FLAGS += ["--disable-component-update", "--disable-sync"]


# Where one server shows a notebook in each of the two applications.
APPLICATIONS = {"jupyterlab": "lab/tree/{}?reset", "notebook": "notebooks/{}"}


@contextmanager
def jupyter(folder, **environment):
    """JupyterLab and Notebook 7, serving `folder`; gives their address. The processes end with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    command += ["--IdentityProvider.token=", "--ServerApp.port_retries=0", f"--notebook-dir={folder}"]
    command += [f"--{name}.expose_app_in_browser=True" for name in ("LabApp", "JupyterNotebookApp")]
    command += ["--LabApp.news_url=", "--ServerApp.log_level=ERROR"]
    command += ["--ServerApp.disable_check_xsrf=True"]  # `end_kernels` is no page of the server
    settings = {"JUPYTER_CONFIG_DIR": f"{folder}/.jupyter", "JUPYTERLAB_SETTINGS_DIR": f"{folder}/.settings"}
    process = subprocess.Popen(command, env=os.environ | settings | environment, cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api", process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def end_kernels(address):
    """End the kernels of all notebooks that a server has open."""
    for session in json.loads(urllib.request.urlopen(f"{address}/api/sessions", timeout=20).read()):
        urllib.request.urlopen(urllib.request.Request(f"{address}/api/sessions/{session['id']}", method="DELETE"))


def _wait_for(address, process, seconds=60):
    for _ in range(seconds * 4):
        if process.poll() is not None:
            raise RuntimeError("JupyterLab ended before it answered")
        try:
            urllib.request.urlopen(address, timeout=2)
            return
        except OSError:
            time.sleep(0.25)
    raise TimeoutError(f"no answer from {address}")


@contextmanager
def chromium():
    """A headless Chromium; it ends with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page(browser, width=1280, height=1000):
    """A page of Chromium that shares nothing with its other pages."""
    page = browser.new_page(viewport={"width": width, "height": height}, has_touch=True)
    try:
        yield page
    finally:
        page.close()


def load_module(page, source):
    """Make what the JavaScript module `source` exports known to the page as `window.module`."""
    page.goto("about:blank")
    page.evaluate(
        """async (source) => {
            const address = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
            window.module = await import(address);
        }""",
        source,
    )


def axe():
    """The source of axe-core, out of the package that carries it."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def accessibility(page, selector, axe):
    """What axe-core finds serious or critical in the part of the page: a list of sentences."""
    page.evaluate(axe)
    found = page.evaluate("(selector) => axe.run(selector, {resultTypes: ['violations']})", selector)
    assert found["passes"], "axe looked at nothing"
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def open_notebook(page, address, path, application="jupyterlab"):
    """Open a notebook and wait for its kernel."""
    page.goto(f"{address}/{APPLICATIONS[application].format(path)}", timeout=60_000)
    page.wait_for_function("() => window.jupyterapp && window.jupyterapp.shell.currentWidget?.context", timeout=60_000)
    _evaluate(
        page,
        """async () => {
            const widget = window.jupyterapp.shell.currentWidget;
            await widget.context.ready;
            await widget.context.sessionContext.ready;
        }""",
        seconds=60,
    )


def run_all(page, seconds=180):
    """Run every cell; returns the notebook's model as JSON."""
    _evaluate(page, "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }", seconds)
    return cells(page)


def cells(page):
    """The cells of the open notebook, with their outputs."""
    text = _evaluate(
        page, "() => JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON().cells)", 20
    )
    return json.loads(text)


def _evaluate(page, script, seconds):
    """`page.evaluate` has no time limit of its own."""
    return page.evaluate(
        f"""() => Promise.race([({script})(), new Promise((_, reject) =>
            setTimeout(() => reject(new Error('no end after {seconds} s')), {seconds * 1000}))])"""
    )
