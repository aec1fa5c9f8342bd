"""Exercises and their checks: one module per notebook (``n01_xor_mlp``), and what they share.

``report``  what a check found; how it is shown.
``core``    the ``exercise`` decorator, thresholds, and ``judge``, which runs a check.
``student`` the handle through which a check asks a student's objects, and what answers it.
``codec``   the plain data that may cross between the two.
``pipe``    the same handle at the end of a pipe, to objects in another process.
``expect``  questions that many checks ask: is it an array of this shape, which labels does it predict.
``notebook`` what a student calls: ``check``, ``hint``, ``expected``, ``progress``.
"""
