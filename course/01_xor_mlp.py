# %% [markdown]
# # 01 · A multi-layer perceptron learns XOR
#
# Four points, two classes, and no straight line that separates them: the smallest problem that needs a hidden layer.

# %%
from sklearn.neural_network import MLPClassifier

import coursekit as ck

ck.setup(seed=0)

# %% [markdown]
# ## 01.3 · A network that learns XOR

# %%
X, y = ck.data.make_xor(n_samples=400, noise=0.15, seed=0)
X.shape, y.shape

# %%
# [solution]
model = MLPClassifier(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", max_iter=1000, random_state=0)
model.fit(X, y)
# [stub]
# model = ...
# [end]

# %%
ck.check("01.3", model)

# %%
ck.plot.decision_boundary(model if model is ... else model.predict, X, y, exercise="01.3")
