"""A sandbox around one submission: own namespaces, own file system, limits, no rights, a filter on system calls."""

from coursekit.grading.sandbox.available import describe, missing
from coursekit.grading.sandbox.child import start
from coursekit.grading.sandbox.errors import SandboxError
from coursekit.grading.sandbox.files import SCRATCH
from coursekit.grading.sandbox.rights import Limits
from coursekit.grading.sandbox.usage import members, usage

__all__ = ["SCRATCH", "Limits", "SandboxError", "describe", "members", "missing", "start", "usage"]
