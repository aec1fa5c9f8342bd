"""Pick the file that counts for every student and notebook."""

import time
from dataclasses import replace

from coursekit.grading import limited
from coursekit.grading.intake.notebook import Unreadable, parse
from coursekit.grading.intake.words import shown_name
from coursekit.grading.plan.match import which
from coursekit.grading.result import Flag

SECONDS_OF_ONE = 120


def choose(found, notebooks, number=None):
    """Pick the file that counts for every student and notebook.

    Parameters
    ----------
    found : list of Submission
    notebooks : dict
        number -> `coursekit.grading.plan.course.Notebook`.
    number : str, optional
        Grade this notebook only; a student without it gets a problem.

    Returns
    -------
    list of Submission
        One for each (student, notebook), with `number` and `flags`; one with a `problem` for a student who handed in
        nothing that can be graded, with the `number` of the notebook whose name it bears. The newest counts: by
        Canvas's attachment and suffix, by the file's time, by name. Files that cannot be read never
        displace one that can; a flag names them.
    """
    chosen = []
    which(notebooks, ())  # the course's own cells are read here, once, and not in each process
    by_student = {}
    for item in found:
        by_student.setdefault(item.key, []).append(item)
    for mine in by_student.values():
        good, bad, foreign = {}, [], []
        until = time.monotonic() + SECONDS_OF_ONE
        for kind in ("notebook", "maybe", "other"):
            if good or bad and kind == "other":
                break
            for item in mine:
                if item.kind != kind:
                    continue
                try:
                    if item.problem:
                        raise Unreadable(item.problem)
                    if time.monotonic() > until:
                        raise limited.Exceeded(f"the files of one student may take {SECONDS_OF_ONE} s")
                    one = limited.run(_number, notebooks, item, lets=(Unreadable,))
                    if one is None:
                        problem = f"{shown_name(item.name)} holds no exercise of the course."
                        foreign.append(replace(item, problem=problem))
                    else:
                        good.setdefault(one, []).append(item)
                except Unreadable as error:
                    bad.append(replace(item, problem=str(error)))
                except limited.Exceeded as reason:
                    bad.append(beyond(item, reason))
        if not good and all(item.kind == "maybe" and "/" not in item.source and not item.platform for item in mine):
            continue  # a file of the instructor's beside the students'
        wanted = good if number is None else {number: good[number]} if number in good else {}
        for one, items in sorted(wanted.items()):
            *older, last = sorted(items, key=lambda item: item.order)
            flags = list(last.flags)
            if older:
                rest = ", ".join(shown_name(item.source) for item in older[-5:]) + (" ..." if len(older) > 5 else "")
                times = f"Notebook {one} was handed in {len(items)} times"
                message = f"{times}; {shown_name(last.source)} is the newest and counts, not {rest}."
                flags.append(Flag("several", message))
            flags += [Flag("unread", item.problem) for item in bad[:5]]
            chosen.append(replace(last, number=one, flags=tuple(flags)))
        if wanted:
            continue
        # A notebook that is none of ours (a playground) is worth a word only where there is nothing else.
        if bad or not good:
            last = max(bad or foreign, key=lambda item: item.order)
            chosen.append(replace(last, number=number or _named(notebooks, last.name)))
        else:
            there = ", ".join(sorted(good))
            problem = f"Notebook {number} was not handed in; {there} {'was' if len(good) == 1 else 'were'}."
            chosen.append(replace(mine[-1], number=number, problem=problem))
    return chosen


def _number(notebooks, item):
    """The notebook of the course that a file is, if any."""
    return which(notebooks, parse(item.data), item.name)


def _named(notebooks, name):
    """The notebook whose name a file bears that cannot be read, or ""."""
    return next((number for number, book in notebooks.items() if book.name in name.casefold()), "")


def beyond(item, reason):
    """A file that could not be looked at within the limits, with one sentence that says so."""
    return replace(item, problem=f"{shown_name(item.name)} could not be read as a notebook: {reason}.")
