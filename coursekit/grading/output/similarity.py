"""Submissions that are nearly the same."""

import io
from collections import Counter
from itertools import combinations

import numpy as np

from coursekit.grading import limited
from coursekit.grading.output.cells import clean
from coursekit.grading.output.render import cut

ALIKE = 0.8  # share of both submissions that must be alike
MOST = 40  # pairs that are shown, the most alike first


def similar(results, given=None):
    """Pairs of submissions whose own code is nearly the same, by the fingerprints of copydetect (winnowing).

    Names of variables, texts and comments do not matter to it. The course's cells and lines are taken out, and what
    more than ten students (a tenth of a large class) share counts as common knowledge, as in Moss.

    Parameters
    ----------
    results : list of Result
    given : dict of str to list of str, optional

    Returns
    -------
    pairs : list of dict
        At most `MOST`, the most alike first.
    note : str
        A sentence where nothing could be compared, or nothing was found.
    """
    try:
        from copydetect import compare_files
    except ImportError:
        how = "install the extra `coursekit[similar]` as docs/grading.md says, and write the pages again"
        return [], f"Not compared: {how}."
    pairs = []
    for number in sorted({result.notebook for result in results}):
        mine = [result for result in results if result.notebook == number]
        # A cell that only two have is not the course's, whatever it was made of.
        held = Counter(source for r in mine for source in set(_sources(r, "course")))
        course = {source for source, n in held.items() if n > 2} | set((given or {}).get(number, ()))
        # Line by line: in a stub that is partly filled, and from one stub to the next, runs of the course's tokens
        # are of no single cell of it.
        lines = {line.strip() for source in course for line in source.splitlines()}
        code = [_without(lines, "\n\n".join(_sources(r, "answer", "own")))[:100_000] for r in mine]
        marks = _fingerprints(code, course)
        together = Counter()
        holders = {}
        for place, mark in enumerate(marks):
            for value in mark.hashes:
                holders.setdefault(value, []).append(place)
        for places in holders.values():
            together.update(combinations(places, 2))
        for (a, b), shared in sorted(together.items()):
            # Few fingerprints in common cannot cover much; this spares nearly all of the slow comparisons.
            if shared < ALIKE / 2 * min(len(marks[a].hashes), len(marks[b].hashes)):
                continue
            size, (one, other), (slices, _) = compare_files(marks[a], marks[b])
            if min(one, other) >= ALIKE and size >= 150:
                pairs.append(_pair(mine[a], mine[b], marks[a], min(one, other), int(size), slices))
    pairs.sort(key=lambda pair: (-pair["share"], -pair["size"], pair["first"], pair["second"]))
    note = "" if pairs else "No two submissions are alike beyond what the course gave and what many have in common."
    if len(pairs) > MOST:
        note = f"{len(pairs)} pairs were found; these are the {MOST} that are most alike."
    return pairs[:MOST], note


def _sources(result, *roles):
    return [c.source for c in result.cells if c.kind == "code" and c.role in roles]


def _without(lines, source):
    """The source without the lines that the course gave, wherever they stand."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in lines)


def _fingerprints(code, course):
    """The fingerprints of every text, without those of the course and without those that many have."""
    from copydetect import CodeFingerprint
    from copydetect.utils import get_token_coverage

    # A window of 1 keeps every fingerprint. A larger one picks by hash values, which differ from run to run.
    make = lambda text: CodeFingerprint("a.py", 25, 1, language="python", fp=io.StringIO(text))  # noqa: E731
    made = limited.run_each(make, code)
    marks = [make("") if isinstance(mark, limited.Exceeded) else mark for mark in made]  # alike to nothing
    common = set().union(*(make(text).hashes for text in sorted(course))) if course else set()
    count = Counter(value for mark in marks for value in mark.hashes)
    limit = max(10, len(marks) // 10)
    common |= {value for value, n in count.items() if n > limit}
    for mark in marks:
        # By hand: its own `boilerplate` argument drops a repeated fingerprint that is not in the boilerplate.
        mark.hashes = mark.hashes - common
        mark.hash_idx = {value: mark.hash_idx[value] for value in mark.hashes}
        mark.token_coverage = max(1, get_token_coverage(mark.hash_idx, mark.k, len(mark.filtered_code)))
    return marks


def _pair(first, second, mark, share, size, slices):
    """A row of the table of similar submissions."""
    longest = int(np.argmax(slices[1] - slices[0]))
    start, end = int(slices[0][longest]), int(slices[1][longest])
    text = mark.raw_code
    start = text.rfind("\n", 0, start) + 1
    end = text.find("\n", end) if text.find("\n", end) >= 0 else len(text)
    passage = clean(text[start:end]).strip("\n")
    return {"first": first.student, "second": second.student, "share": round(share, 6), "size": size,
            "percent": f"{min(share, 1):.0%}", "shared": cut(passage, 2500),
            "lines": passage.count("\n") + 1}  # fmt: skip
