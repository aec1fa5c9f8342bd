"""nbgrader's settings for this course. An `nbgrader_config.py` needs two lines::

from coursekit.nbgrader import configure
configure(get_config())
"""


def configure(c, timeout=600):
    """Set what nbgrader 0.9 needs to take the notebooks of the course as they are.

    Parameters
    ----------
    c : traitlets.config.Config
    timeout : int
        Seconds that one cell may take. nbgrader's own 30 are too few for cells that train networks.
    """
    from nbgrader import preprocessors as steps

    # notebooks/ is the students' version already: nbgrader would write `raise NotImplementedError()` over its stubs.
    c.ClearSolutions.enabled = False
    c.Execute.timeout = timeout
    # A check that a student deleted is judged all the same.
    c.OverwriteCells.add_missing_cells = True
    c.Autograde.sanitize_preprocessors = [
        steps.ClearOutput,
        steps.DeduplicateIds,
        drop_copies,
        steps.OverwriteKernelspec,
        steps.OverwriteCells,
        steps.CheckCellMetadata,
    ]


def drop_copies(notebook, resources):
    """Take away the empty metadata that DeduplicateIds leaves on copied cells: nbgrader 0.9.6 stops at it.

    Without this, one student's copy of a check cell ends `nbgrader autograde` for the whole class.
    """
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
    return notebook, resources
