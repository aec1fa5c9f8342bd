"""The site: built once, from two small notebooks whose outputs are given, and looked at in a browser."""

import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursekit import site, slides
from tests import browser

pytest.importorskip("sphinx")
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def small(title):
    """A student's notebook, and its solution with outputs."""

    def text(source, id):
        return new_markdown_cell(source, id=id)

    def code(source, id, *outputs):
        return new_code_cell(source, id=id, outputs=list(outputs))

    badge = "[![Open in Colab](https://elsewhere/badge.svg)](https://elsewhere)"
    head = text(f"# {title}\n\n{badge}\n\nThe mean is $\\bar x$; see [the other](01_xor_mlp.ipynb).", "head")
    tail = [code('ck.check("00.1", mean)', "check"), code('# ck.hint("00.1")', "hint")]
    picture = {
        "image/png": DOT,
        "text/plain": "Figure. A small dot.",
        "application/vnd.jupyter.widget-view+json": {"model_id": "0"},
    }
    card = {"text/html": "<div><strong>00.1</strong> passed</div>", "text/plain": "passed"}
    table = {"text/html": '<pre><span style="color: #00d7ff">Dense</span></pre>', "text/plain": "Dense"}
    student = [head, code("install()", "colab"), code("def mean(x):\n    return ...", "answer"), *tail]
    solution = [head, code("install()", "colab"), code("def mean(x):\n    return sum(x) / len(x)", "answer")]
    solution += [code(tail[0].source, "check", new_output("execute_result", card)), tail[1]]
    solution += [code("model.summary()", "more", new_output("display_data", table))]
    solution += [code("plot()", "plot", new_output("display_data", picture))]
    solution[-1].outputs.append(new_output("stream", name="stderr", text="a warning of a library"))
    student += [code("plot()", "plot")]
    solution += [text("Because it is so.", "why")]
    python = {"language_info": {"name": "python"}}
    return new_notebook(cells=student, metadata=python), new_notebook(cells=solution, metadata=python)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "site"
    site.build_site(out, {"00_one_neuron": small("00 · One neuron"), "01_xor_mlp": small("01 · XOR")})
    return out


def test_a_page_shows_the_skeleton_and_folds_the_solution(built):
    page = (built / "notebooks" / "00_one_neuron.html").read_text(encoding="utf-8")
    main = page[page.index("<article") : page.index("</article>")]
    words = re.sub(r"<[^>]+>", "", re.sub(r"(?s)<details.*?</details>", "", main))
    assert "return ..." in words and "sum(x)" not in words and "Because it is so" not in words
    folded = [re.sub("<[^>]+>", "", part) for part in re.findall(r"(?s)<details.*?</details>", main)]
    assert ["Show the solution" in folded[0], "sum(x)" in folded[0], "Because it is so." in folded[-1]] == [True] * 3
    assert "passed" in words and "install()" not in main and "ck.hint" not in main and "a warning" not in main
    assert 'alt="Figure. A small dot."' in main and "#00d7ff" not in main and "elsewhere" not in main
    assert "/notebooks/00_one_neuron.ipynb" in main and "colab.research.google.com" in main
    assert 'href="01_xor_mlp.html' in main and len(list(built.glob("_downloads/*/01_xor_mlp.ipynb"))) == 2


@pytest.mark.parametrize(
    "text, base, expected",
    [
        ("[a](gallery.md#x)", "docs", "[a](/gallery.md#x)"),
        ("[a](../notebooks/00_a.ipynb)", "docs", "[a](/notebooks/00_a.ipynb)"),
        ("[a](../solutions/00_a.ipynb)", "notebooks", "[a](/notebooks/00_a.ipynb)"),
        ("[a](../notebooks/playground.ipynb)", "docs", "[a](/playground.md)"),
        ('<img src="../coursekit/exercises/pictures/1.png" alt="b">', "docs", '<img src="/pictures/1.png" alt="b">'),
        ("[a](https://x.org/y) [b](#z)", "docs", "[a](https://x.org/y) [b](#z)"),
    ],
)
def test_links(text, base, expected):
    assert site.relink(text, base, {"00_a"}) == expected


def test_what_is_no_page_is_linked_to_in_the_repository():
    for path in ("../CONTRIBUTING.md", "../notebooks/05_lstm.ipynb"):
        linked = site.relink(f"[a]({path})", "docs", {"00_a"})
        assert re.fullmatch(r"\[a\]\(https://github\.com/\S+/blob/\w+/" + re.escape(path[3:]) + r"\)", linked)


def test_slides_leave_out_checks_and_hints(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "solve", lambda names: {name: small("00 · One neuron")[1] for name in names})
    assert slides.main("00", tmp_path / "slides.html") == 0
    text = re.sub("<[^>]+>", "", (tmp_path / "slides.html").read_text(encoding="utf-8"))
    assert "sum(x)" in text and "ck.check" not in text and "ck.hint" not in text and "install()" not in text


def test_a_folder_that_is_no_site_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(site.SiteError, match="no site"):
        site.build_site(tmp_path, {})
    assert (tmp_path / "mine.txt").exists()


def test_a_solution_whose_check_fails_is_not_shown(tmp_path, monkeypatch):
    checks = ({"exercise": "01.2", "status": "failed"},)
    done = SimpleNamespace(passed=False, error="", checks=checks, seconds=1.0)
    monkeypatch.setattr("coursekit.run.execute", lambda path: done)
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    with pytest.raises(site.SiteError, match="01.2 failed"):
        site._run("01_xor_mlp", tmp_path / "kept.ipynb")
    assert not (tmp_path / "kept.ipynb").exists()


@pytest.fixture
def address(built):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=built))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.xdist_group("browser")
@pytest.mark.skipif(browser.CHROMIUM is None, reason="Chromium is not installed")
def test_the_pages_in_a_browser(address):
    pytest.importorskip("axe_playwright_python")
    axe = browser.axe()
    said, asked = [], []
    with browser.chromium() as chromium, browser.page(chromium) as page:
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda answer: said.append(answer.url) if answer.status >= 400 else None)
        for name in ("index", "notebooks/00_one_neuron", "students", "playground"):
            page.goto(f"{address}/{name}.html")
        figures = page.locator("#playground .ck-figures")
        page.get_by_role("button", name="Train").click()
        page.wait_for_function(
            """() => [...document.querySelector(".ck-figures").textContent.matchAll(/([\\d.]+) % right/g)]
                .every((match) => match[1] >= 97)""",
            timeout=15_000,
        )
        page.get_by_role("button", name="Pause").click()
        assert "Epoch" in figures.inner_text()
        page.get_by_label("Classic problems").select_option("Spirals and two layers of eight")
        page.get_by_label("Activation").select_option("relu")
        page.reload()  # the address has the settings
        assert page.get_by_label("Data").input_value() == "spirals"
        assert page.get_by_label("Activation").input_value() == "relu"
        page.goto(f"{address}/search.html?q=neuron")
        page.locator("#search-results a").first.wait_for(timeout=10_000)
        assert said == []
        assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
        # axe reads style sheets again, by addresses that it gets wrong.
        for name, scheme in (("index", "light"), ("notebooks/00_one_neuron", "dark"), ("playground", "dark")):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": 390, "height": 900})
            page.goto(f"{address}/{name}.html")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{name} is wider than a telephone"
            assert browser.accessibility(page, "body", axe) == [], f"{name}, {scheme}"
