"""The grid search of notebook 03 on a Dask cluster: the two lines that its text shows."""

import re

import numpy as np
import pytest

from coursekit.build import root


def shown_lines():
    """The Python block of notebook 03 that speaks of Dask."""
    text = (root() / "course" / "03_house_prices.py").read_text(encoding="utf-8")
    (block,) = (part for part in re.findall(r"# ```python\n(.*?)# ```", text, re.DOTALL) if "dask" in part)
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in block.splitlines())


@pytest.mark.slow
def test_the_search_runs_on_a_local_cluster_of_two():
    pytest.importorskip("distributed")
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    search = GridSearchCV(Pipeline([("scale", StandardScaler()), ("network", Ridge())]), {"network__alpha": [0.1, 10]})
    code = shown_lines()
    assert "Client(n_workers=2)" in code
    names = {"search": search, "X_search": X, "y_search": X @ [1.0, 2.0, 3.0]}
    code = code.replace("Client(n_workers=2)", "Client(n_workers=2, threads_per_worker=1, dashboard_address=None)")
    exec(code, names)
    try:
        assert len(names["client"].scheduler_info(n_workers=-1)["workers"]) == 2
        assert search.best_params_ == {"network__alpha": 0.1}
    finally:
        names["client"].close()
