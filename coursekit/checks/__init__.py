"""The engine of the checks. It knows no exercise; those stand in `coursekit.exercises`.

``framework``  the ``exercise`` decorator, recorded limits, and ``judge``, which runs one check.
``facts``      what models say of their own training.
``report``     what a check found, as plain data; ``cards``: how that looks.
``notebook``   what a student calls: ``check``, ``hint``, ``expected``, ``progress``.
``proxy``      the handle through which a check asks a student's objects; ``server``: what answers it.
``codec``      the plain data that may cross between the two; ``pipe``: to objects in another process.
``progress``   the student's scores, kept in a file.
``vocabulary`` what checks say: how an answer is asked for, compared and explained.
"""
