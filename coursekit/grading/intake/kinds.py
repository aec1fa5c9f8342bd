"""What sort of file was handed in, by its name, and what a student is told where it is no notebook."""

import re

_IGNORED = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}
NOTEBOOK_NAME = re.compile(r"\.ipynb(?:\.(?:txt|json|gz))?$", re.I)
# What else may be handed in for a notebook, by ending, and what a student is told.
EXPORT_ADVICE = "The notebook itself is needed: in Jupyter or Colab, File, Download, .ipynb."
_PACK = "Only .zip is opened: pack it as .zip, or hand in the notebook itself."
OTHER_KINDS = {
    **dict.fromkeys(("py",), f"is a Python script. {EXPORT_ADVICE}"),
    **dict.fromkeys(("html", "htm"), f"is a web page. {EXPORT_ADVICE}"),
    **dict.fromkeys(("pdf",), f"is a PDF. {EXPORT_ADVICE}"),
    **dict.fromkeys(("doc", "docx", "odt", "rtf", "pages"), f"is a Word document or the like. {EXPORT_ADVICE}"),
    **dict.fromkeys(("md", "txt", "tex"), f"is a text. {EXPORT_ADVICE}"),
    **dict.fromkeys(("png", "jpg", "jpeg", "heic", "gif", "webp"), f"is a picture. {EXPORT_ADVICE}"),
    **dict.fromkeys(("7z", "rar", "tar", "gz", "tgz", "bz2", "xz"), f"is an archive. {_PACK}"),
    **dict.fromkeys(("gdoc", "webloc", "url", "lnk", "desktop"), f"is only a link to the work. {EXPORT_ADVICE}"),
    "icloud": "is only a placeholder of iCloud for a file that is not on this computer. Open it once, then hand it in.",
}


def kind_of(name):
    """ "notebook", "zip", "maybe" (a notebook without its ending) or "other"."""
    if NOTEBOOK_NAME.search(name):
        return "notebook"
    ending = name.lower().rpartition(".")[2] if "." in name else ""
    return {"zip": "zip", "json": "maybe", "": "maybe"}.get(ending, "other")


def is_ignored(name):
    hidden = name.startswith((".", "~$")) and not name.endswith(".icloud")
    return hidden or name.casefold() in _IGNORED
