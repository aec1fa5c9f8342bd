"""docs/gallery.md: a figure for each exercise, as its solution draws it."""

from coursekit import build
from coursekit.checks import framework

COLUMNS = 3
HEAD = """# Gallery

A figure for each exercise that draws one, as its solution draws it. These are the reference pictures that `ck.expected`
shows after your first attempt: if you want to work on the exercises yourself, look at them later.
`python -m coursekit build` writes this page.
"""


def gallery():
    """The text of the page."""
    parts = [HEAD]
    for source in build.sources():
        if source.stem[0].isdigit():
            title = source.read_text(encoding="utf-8").splitlines()[1].removeprefix("# # ")
            parts.append(f"## {title}\n\n{_table(framework.exercises_in(source.stem.split('_')[0]))}")
    return "\n".join(parts)


def _table(items):
    cells = [_cell(item) for item in items if _picture(item).exists()]
    cells += [""] * (-len(cells) % COLUMNS)
    rows = [cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS)]
    lines = [f"| {' | '.join(row)} |" for row in ([""] * COLUMNS, ["---"] * COLUMNS, *rows)]
    return "\n".join(lines) + "\n"


def _cell(item):
    place = _picture(item).relative_to(build.root()).as_posix()
    return f'<img src="../{place}" alt="{item.title}" width="280"><br>{item.id} {item.title}'


def _picture(item):
    return build.root() / "coursekit" / "exercises" / "pictures" / f"{item.id}.png"
