"""Names, sizes and reasons as they stand in sentences."""

from pathlib import Path


def shown_name(path):
    """A name as it may stand in a sentence."""
    name = path.name if isinstance(path, Path) else str(path)
    name = "".join(c if c.isprintable() else "\ufffd" for c in name)
    return f"`{name if len(name) <= 120 else name[:60] + '...' + name[-57:]}`"


def reason_of(error):
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())[:160].rstrip(".")


def megabytes(count):
    return f"{count / 1e6:,.1f} MB" if count < 1e7 else f"{count / 1e6:,.0f} MB"
