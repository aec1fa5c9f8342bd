"""Grade a class: find what was handed in, run it in a sandbox, judge it outside, report.

``python -m coursekit grade SUBMISSIONS --out RESULTS`` calls `coursekit.grading.grade`.
"""
