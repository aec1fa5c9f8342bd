"""What a model says of its own training: facts, which stand beside a verdict that it was trained too little."""


def training_facts(student, name):
    """What speaks against the training of a model, as facts in a sentence; "" where nothing does.

    A model that a loop of the student's own trained needs no `compile`: of one that was not compiled nothing is said.
    """
    said = student.describe(name)
    if said["family"] == "keras" and said.get("compiled") and said.get("steps") == 0:
        return f"The optimiser of `{name}` has taken no step: `fit` was not called after `compile`."
    if said["family"] != "sklearn":
        return ""
    if said["fitted"] is False:
        return f"`{name}` was never fitted."
    n_iter, most = said.get("n_iter"), said.get("max_iter")
    if isinstance(n_iter, int) and isinstance(most, int) and n_iter >= most > 0:
        return f"`{name}` stopped at `max_iter` = {most}, its last permitted pass: try a larger `max_iter`."
    if said["params"].get("activation") == "identity":
        return f"`{name}` has `activation='identity'`: without a bend, several layers are one plane."
    return ""
