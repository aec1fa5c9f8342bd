"""Which notebook of the course a submission is, and which cell of it each cell."""

import re
from collections import Counter
from difflib import SequenceMatcher
from functools import lru_cache

from coursekit.grading.plan.look import graded_id, look_at

_BADGE = re.compile(r"^\[!\[.*$", re.M)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_MAX_TOKENS = 150
_MAX_COMPARISONS = 2_000
_MAX_GLANCES = 20_000
_SIMILAR = 0.6


def which(notebooks, cells, name=""):
    """Which notebook of the course was handed in.

    Parameters
    ----------
    notebooks : dict
        number -> Notebook, as `load_all` gives it.
    cells : sequence of Cell
    name : str
        The file's name; it decides only between notebooks that have equally much in common with the submission.

    Returns
    -------
    str or None
        The number, or None where nothing in it comes from the course.
    """
    ids = Counter(cell.id for notebook in notebooks.values() for cell in notebook.cells)
    texts = Counter(text for notebook in notebooks.values() for text in {plain_text(c.source) for c in notebook.cells})
    # Ids and texts that stand in several notebooks say nothing.
    named = {
        id
        for cell in cells
        if cell.kind == "code"
        for id in [*(c[0] for c in look_at(cell).calls), graded_id(cell)]
        if id
    }
    mine, said = {cell.id for cell in cells}, {plain_text(cell.source) for cell in cells}
    votes = {}
    for number, notebook in notebooks.items():
        shared = sum(1 for cell in notebook.cells if ids[cell.id] == 1 and cell.id and cell.id in mine)
        same = {text for c in notebook.cells if texts[text := plain_text(c.source)] == 1 and len(text) > 12} & said
        votes[number] = 3 * len(named & set(notebook.checks)) + shared + len(same)
    best = max(votes.values(), default=0)
    if not best:
        return None
    tied = [number for number, count in votes.items() if count == best]
    by_name = [number for number in tied if re.search(rf"(?<![0-9A-Za-z]){number}(?![0-9A-Za-z])", name)]
    return (by_name or tied)[0]


def match(notebook, cells):
    """Which cell of the course each cell of a submission is: a list of indices, or None where it is the student's own.

    By id; then by equal text; then, for answers, by the names that they define; then by similarity. A cell of the
    course is given away once.
    """
    free = dict.fromkeys(range(len(notebook.cells)))
    found = [None] * len(cells)

    def take(index, where):
        found[index] = where
        free.pop(where)

    texts = [plain_text(cell.source) for cell in notebook.cells]
    said = [plain_text(cell.source) for cell in cells]
    by_id = {(cell.id, cell.kind): i for i, cell in enumerate(notebook.cells) if cell.id}
    by_text = {}
    for i, cell in enumerate(notebook.cells):
        by_text.setdefault((cell.kind, texts[i]), []).append(i)
    # Of several cells with the same id, the one that was left as it is; else the first.
    for exact in (True, False):
        for index, cell in enumerate(cells):
            where = by_id.get((cell.id, cell.kind))
            if found[index] is None and where in free and (not exact or said[index] == texts[where]):
                take(index, where)
    for index, cell in enumerate(cells):
        if found[index] is None:
            where = next((i for i in by_text.get((cell.kind, said[index]), []) if i in free), None)
            if where is not None:
                take(index, where)
    _match_answers(notebook, cells, found, free, take)
    _match_similar(notebook, cells, found, free, take, texts, said)
    return found


def _match_answers(notebook, cells, found, free, take):
    wanted = {i: look_at(notebook.cells[i]).bound for i in free if notebook.cells[i].role == "answer"}
    for index, cell in enumerate(cells):
        if found[index] is not None or cell.kind != "code":
            continue
        bound = look_at(cell).bound
        fits = {i: len(bound & names) / len(names) for i, names in wanted.items() if i in free and bound & names}
        best = max(fits, key=lambda i: (fits[i], -i), default=None)
        if best is not None and fits[best] >= 0.5:
            take(index, best)


def _match_similar(notebook, cells, found, free, take, texts, said):
    left, glances = _MAX_COMPARISONS, _MAX_GLANCES
    tokens = {i: _tokens(texts[i]) for i in free}
    for index, cell in enumerate(cells):
        if found[index] is not None or not said[index]:
            continue
        matcher = SequenceMatcher(None, [], _tokens(said[index]), autojunk=False)
        best, where = _SIMILAR, None
        for i in free:
            if notebook.cells[i].kind != cell.kind or notebook.cells[i].role == "check":
                continue
            matcher.set_seq1(tokens[i])
            if matcher.real_quick_ratio() < best:
                continue
            if left <= 0 or glances <= 0:
                return
            glances -= 1
            if matcher.quick_ratio() < best:
                continue
            left -= 1
            ratio = matcher.ratio()
            if ratio >= best and (where is None or ratio > best):
                best, where = ratio, i
        if where is not None:
            take(index, where)


@lru_cache(maxsize=8192)  # all of the course, and a submission
def plain_text(source):
    """A cell's text without what editors change: white space at the ends of lines, the badge with its address."""
    return "\n".join(line.rstrip() for line in _BADGE.sub("", source).strip().splitlines())


def _tokens(text):
    """The first words and signs of a text: what similarity looks at."""
    return _TOKEN.findall(text[: 20 * _MAX_TOKENS])[:_MAX_TOKENS]
