"""One sentence, under the traceback, for the errors that learners of Keras, scikit-learn and NumPy meet most.

`install` is called by `coursekit.setup`. Nothing here changes an error, hides one, or raises one.
"""

import re

# Spellings of the past, and what stands in their place today.
_KERAS_MODULES = {
    "keras.layers.core": "keras.layers",
    "keras.layers.convolutional": "keras.layers",
    "keras.layers.pooling": "keras.layers",
    "keras.layers.recurrent": "keras.layers",
    "keras.layers.normalization": "keras.layers",
    "keras.layers.embeddings": "keras.layers",
    "keras.layers.wrappers": "keras.layers",
    "keras.layers.noise": "keras.layers",
    "keras.layers.merge": "keras.layers",
    "keras.layers.advanced_activations": "keras.layers",
    "keras.engine": "keras.layers",
    "keras.callbacks.callbacks": "keras.callbacks",
    "np_utils": "keras.utils",
    "vis_utils": "keras.utils",
    "keras.utils.np_utils": "keras.utils",
    "keras.utils.vis_utils": "keras.utils",
    "keras.utils.generic_utils": "keras.utils",
}
_KERAS_ARGUMENTS = {
    "lr": "learning_rate",
    "nb_epoch": "epochs",
    "epoch": "epochs",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "batchsize": "batch_size",
    "validation": "validation_data",
    "metric": "metrics",
    "output_dim": "units",
    "nb_filter": "filters",
    "subsample": "strides",
    "stride": "strides",
    "border_mode": "padding",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "dim_ordering": "data_format",
    "return_sequence": "return_sequences",
    "p": "rate",
    "input": "inputs",
    "output": "outputs",
    "activations": "activation",
}
_TENSORFLOW_1 = {
    "random_normal": "`tf.random.normal`",
    "random_uniform": "`tf.random.uniform`",
    "truncated_normal": "`tf.random.truncated_normal`",
    "set_random_seed": "`tf.random.set_seed`, or `keras.utils.set_random_seed`",
    "log": "`tf.math.log`",
    "get_variable": "`tf.Variable`",
    "global_variables_initializer": "nothing: a variable has its value as soon as it is made",
    "contrib": "Keras's own layers",
    "Session": "nothing: an operation is computed at once, and `t.numpy()` shows its value",
    "InteractiveSession": "nothing: an operation is computed at once, and `t.numpy()` shows its value",
    "placeholder": "a function with arguments, or `keras.Input`",
    "app": "Python's own `argparse`",
    "to_float": "`tf.cast(t, 'float32')`",
    "mul": "`tf.multiply`",
    "sub": "`tf.subtract`",
}
_SKLEARN_PLACES = {
    "sklearn.cross_validation": "`sklearn.model_selection`",
    "sklearn.grid_search": "`sklearn.model_selection`",
    "sklearn.learning_curve": "`sklearn.model_selection`",
    "sklearn.externals": "`import joblib`",
    "Imputer": "`from sklearn.impute import SimpleImputer`",
    "joblib": "`import joblib`",
    "fetch_mldata": "`fetch_openml`; in this course `ck.data.load_mnist()`",
    "plot_confusion_matrix": "`ConfusionMatrixDisplay.from_estimator`",
    "plot_roc_curve": "`RocCurveDisplay.from_estimator`",
    "plot_precision_recall_curve": "`PrecisionRecallDisplay.from_estimator`",
    "mean_square_error": "`mean_squared_error`",
    "load_boston": "`ck.data.load_boston()` in this course; read there why scikit-learn took the data set out",
}
_NUMPY_1 = {
    "float": "`float`",
    "int": "`int`",
    "bool": "`bool`",
    "object": "`object`",
    "str": "`str`",
    "Inf": "`np.inf`",
    "infty": "`np.inf`",
    "NaN": "`np.nan`",
    "float_": "`np.float64`",
    "product": "`np.prod`",
    "cumproduct": "`np.cumprod`",
    "trapz": "`np.trapezoid`",
    "in1d": "`np.isin`",
    "row_stack": "`np.vstack`",
    "alltrue": "`np.all`",
}
_PANDAS_1 = {
    "append": "`pd.concat([table, other])`",
    "ix": "`.loc` by name, `.iloc` by number",
    "as_matrix": "`.to_numpy()`",
    "iteritems": "`.items()`",
}

# (pattern of "Kind: message" whose last group is the old name, table of old names, sentence): {0} is the old name, {1} what
# the table says.
_OLD_NAMES = [
    (
        r"No module named '(keras\.[\w.]+)'|cannot import name '((?:np|vis)_utils)'",
        _KERAS_MODULES,
        "`{0}` is an address of old Keras. Import from `{1}` today: `from {1} import ...`.",
    ),
    (
        r"(?:not recognized|passed to \w+): \{{'(\w+)'|unexpected keyword argument '(\w+)'".replace("{{", "{"),
        _KERAS_ARGUMENTS,
        "The argument `{0}` is called `{1}` in today's Keras.",
    ),
    (
        r"module 'tensorflow' has no attribute '(\w+)'",
        _TENSORFLOW_1,
        "`tf.{0}` belongs to TensorFlow 1, of before 2019. Today: {1}.",
    ),
    (
        r"No module named '(sklearn\.[\w.]+)'|cannot import name '(\w+)' from 'sklearn|`(load_boston)` has been removed",
        _SKLEARN_PLACES,
        "`{0}` is no longer in scikit-learn. Today: {1}.",
    ),
    (
        r"module 'numpy' has no attribute '(\w+)'|`np\.(\w+)` was removed in the NumPy 2",
        _NUMPY_1,
        "`np.{0}` is gone from NumPy. Write {1}.",
    ),
    (
        r"'(?:DataFrame|Series)' object has no attribute '(\w+)'",
        _PANDAS_1,
        "`.{0}` is gone from pandas. Today: {1}.",
    ),
]

# (pattern of "Kind: message", sentence). The first that fits is shown; {0}, {1} are the pattern's groups.
_SENTENCES = [
    (
        r"expected axis -1 of input shape to have value (\d+), but received input with shape \(?\[?[^)]*?(\d+)[\])]",
        "The network expects {0} numbers a sample and got {1}. Compare the shape of what it is given with "
        "`keras.Input((n,))`, where n is the number of columns, without the axis of the samples.",
    ),
    (
        r"of layer ['\"](?:lstm|gru|simple_rnn|rnn|bidirectional)\w*['\"] is incompatible[\s\S]*expected ndim=3, found ndim=2",
        "A recurrent layer wants three axes (samples, steps, features) and got two. If a recurrent layer stands before it, "
        "set `return_sequences=True` in that one: without it, it returns its last state only. If it gets the data, add the "
        "last axis with `X[..., None]`.",
    ),
    (
        r"expected min_ndim=(\d+), found ndim=(\d+)|expected ndim=(\d+), found ndim=(\d+)",
        "The layer expects arrays with {0} axes and got {1}. A convolution of pictures wants (samples, height, width, "
        "channels): add the last axis with `X[..., None]`; a recurrent layer wants (samples, steps, features).",
    ),
    (
        r"target\.shape=\(None, (\d+)\), output\.shape=\(None, \1\)",
        "A sparse loss expects one whole number a sample, and the labels have {0} columns. Use "
        "`categorical_crossentropy` for one-hot labels, or hand in `labels.argmax(axis=1)`.",
    ),
    (
        r"target\.shape=\(None,(?: 1)?\), output\.shape=\(None, (\d+)\)",
        "The labels are one number a sample, and the network gives {0}. With whole-number labels use "
        "`sparse_categorical_crossentropy`; binary cross-entropy belongs to one sigmoid unit, not to a softmax.",
    ),
    (
        r"must have rank[\s\S]*target\.shape=\(None, (\d+)\), output\.shape=\(None, (\d+)\)",
        "A sparse loss expects one label for each answer. There are {0} labels a sample, and the network gives one answer, "
        "of {1} numbers. Where it is to answer at each of {0} steps, its last recurrent layer needs "
        "`return_sequences=True`; one-hot labels belong to `categorical_crossentropy`.",
    ),
    (
        r"up until the last dimension: target\.shape=\(None, (\d+)\), output\.shape=\(None, (\d+), (\d+)\)",
        "There are {0} labels a sample, and the network answers at {1} steps. An encoder that returns its last state, and "
        "`layers.RepeatVector({0})` behind it, make {0} steps of any number.",
    ),
    (
        r"target\.shape=\(None, (\d+)\), output\.shape=\(None, (\d+)\)",
        "The labels have {0} columns and the network gives {1}: the last layer needs as many units as the labels have "
        "columns.",
    ),
    (
        r"Received a label value of (\S+) which is outside the valid range of \[0, (\d+)\)",
        "There is a label {0}, and the network has {1} outputs for the labels 0 to {1} - 1. Count the classes, or "
        "shift the labels so that they begin at 0.",
    ),
    (
        r"call `compile\(\)` before",
        "Keras does not know the loss yet: call `model.compile(optimizer=..., loss=...)` first.",
    ),
    (
        r"isn't built|not yet been built|has never been called",
        "The network has no weights yet, because it does not know its inputs. Begin it with `keras.Input(shape)`.",
    ),
    (
        r"Invalid dtype: (\w+)|could not convert string to float: (.+)|Unsupported object type (\w+)",
        "There are words or mixed objects among the numbers (seen: {0}). Turn categories into columns of 0 and 1 "
        "(one-hot), and look at `X.dtypes`.",
    ),
    (
        r"Data cardinality is ambiguous[\s\S]*?'x' sizes: (\d+)[\s\S]*?'y' sizes: (\d+)"
        r"|inconsistent numbers of samples: \[(?:np\.int64\()?(\d+)\)?, (?:np\.int64\()?(\d+)",
        "X has {0} rows and y has {1}: every sample needs one label. Was only one of them filtered or split?",
    ),
    (
        r"is not fitted yet|need to call fit",
        "The model has not learned anything yet: call `model.fit(X, y)` before you ask it.",
    ),
    (
        r"Expected 2D array, got 1D array",
        "scikit-learn wants one row a sample. One feature: `x.reshape(-1, 1)` or `x[:, None]`. One sample: "
        "`x.reshape(1, -1)`.",
    ),
    (
        r"(?:Input|y) ?\w? contains (NaN|infinity)",
        "There are missing or infinite values. Find them with `np.isnan(X).sum(axis=0)`; drop these rows, or fill them "
        "with `SimpleImputer` inside a pipeline.",
    ),
    (
        r"Unknown label type",
        "The labels are not classes but numbers with decimals. For classes use whole numbers or names, for numbers "
        "take a regressor.",
    ),
    (
        r"X has (\d+) features, but \w+ is expecting (\d+) features",
        "The model was fitted on {1} columns and is asked about {0}. Prepare new data in the same way as the "
        "training data.",
    ),
    (
        r"at least 2 classes[\s\S]*only one class",
        "All labels are the same, so there is nothing to tell apart. Was the data sorted before it was split?",
    ),
    (
        r"No module named 'keras\.wrappers\.scikit_learn'",
        "Keras's models for scikit-learn are in `keras.wrappers` today: `from keras.wrappers import SKLearnClassifier`.",
    ),
    (
        r"No module named '(?:tensorflow\.)?keras\.preprocessing\.text'|No module named '(?:tensorflow\.)?keras\.\S+text'",
        "`Tokenizer` is gone from Keras. `keras.layers.TextVectorization` turns texts into numbers today.",
    ),
    (
        r"cannot import name 'ImageDataGenerator'",
        "`ImageDataGenerator` is gone from Keras. Use layers such as `keras.layers.RandomRotation` at the start of the "
        "network, and `keras.utils.image_dataset_from_directory` for folders of pictures.",
    ),
    (
        r"cannot import name 'CuDNN(LSTM|GRU)'",
        "There is one `{0}` today: `keras.layers.{0}` takes the fast way on a GPU by itself.",
    ),
    (
        r"cannot import name '(sgd|adam|rmsprop|adagrad|nadam)' from 'keras\.optimizers'",
        "Optimisers are classes with capitals: `from keras.optimizers import SGD, Adam, RMSprop`.",
    ),
    (
        r"cannot import name 'Merge' from 'keras",
        "`Merge` became a layer for each way: `keras.layers.Concatenate`, `Add`, `Multiply`, `Average`.",
    ),
    (
        r"module 'keras\.backend' has no attribute '(\w+)'",
        "`keras.backend` has few functions left. Look for `{0}` in `keras.ops`: `keras.ops.mean`, `keras.ops.square`.",
    ),
    (
        r"has no attribute 'predict_classes'",
        "`predict_classes` is gone from Keras. Several classes: `model.predict(x).argmax(axis=1)`. One sigmoid unit: "
        "`(model.predict(x) > 0.5).astype(int)`.",
    ),
    (
        r"'(?:Sequential|Functional|\w*Model)' object has no attribute 'predict_proba'",
        "A Keras model has no `predict_proba`: `model.predict(x)` gives what the last layer gives, probabilities after a "
        "sigmoid or a softmax.",
    ),
    (
        r"has no attribute '(fit|evaluate|predict)_generator'",
        "`{0}_generator` is gone from Keras: `model.{0}` takes a generator too.",
    ),
    (
        r"'Functional' object has no attribute '(?:add|pop)'",
        "Only a `keras.Sequential` can be added to. In a functional model the new layer is called on the output: "
        "`keras.Model(inputs, layer(outputs))`.",
    ),
    (
        r"Dense\.__init__\(\) missing 1 required positional argument: 'units'",
        "A Dense layer needs its number of units first: `keras.layers.Dense(3)`; it was called `output_dim` once.",
    ),
    (
        r"Conv[12]D\.__init__\(\) missing",
        "A convolution needs the number of filters and the size of the kernel: `keras.layers.Conv2D(16, 3)`.",
    ),
    (
        r"Dropout\.__init__\(\) missing",
        "Dropout needs its share first: `keras.layers.Dropout(0.5)`; it was called `p` once.",
    ),
    (
        r"Could not interpret activation function identifier: (\S+)",
        "Keras knows no activation {0}. Names are in small letters: `'relu'`, `'tanh'`, `'sigmoid'`, `'softmax'`.",
    ),
    (
        r"Could not interpret (loss|optimizer|metric) identifier: (\S+)",
        "Keras knows no {0} with the name {1}. Losses are called `'mse'`, `'binary_crossentropy'`, "
        "`'sparse_categorical_crossentropy'`; optimisers `'adam'`, `'sgd'`; the metric of classes `'accuracy'`.",
    ),
    (
        r"Expected `metrics` argument to be a list",
        "Metrics stand in a list, also where there is one alone: `metrics=['accuracy']`.",
    ),
    (
        r"KeyError: '(val_)?acc'",
        "Today the names are 'accuracy' and 'val_accuracy', in `history.history` as in the `logs` of a callback, and only "
        "where `compile` got `metrics=['accuracy']`. `.keys()` lists what there is.",
    ),
    (
        r"KeyError: '(val_loss|val_accuracy)'",
        "There is no {0}: `fit` measures on unseen data only where it gets `validation_data=(X_val, y_val)` or "
        "`validation_split=0.2`, and a callback knows it at the end of an epoch alone.",
    ),
    (
        r"'History' object is not subscriptable",
        "`fit` returns a History; its numbers are in a dictionary: `history.history['loss']`.",
    ),
    (
        r"'History' object has no attribute '(?:predict|evaluate|layers|summary)'",
        "This is the History that `fit` returns. The network is the object that you called `fit` of: keep both names.",
    ),
    (
        r"'float' object is not subscriptable",
        "A single number has no parts. `model.evaluate` gives a list only where `compile` got metrics; without them it is "
        "the loss itself.",
    ),
    (
        r"Unable to (?:synchronously )?open file[\s\S]*No such file|File not found: filepath=",
        "There is no such file here. `import os; os.listdir()` shows the files of this folder; was the model saved, and "
        "under this name?",
    ),
    (
        r"No such file or directory: '([^']+)'",
        "There is no file {0} here. `import os; os.listdir()` shows the files of this folder.",
    ),
    (
        r"Invalid filepath extension for saving",
        "The name of a saved model ends in `.keras`: `model.save('model.keras')`.",
    ),
    (
        r"must end in `\.weights\.h5`",
        "The name of saved weights ends in `.weights.h5`: `model.save_weights('model.weights.h5')`.",
    ),
    (
        r"must install pydot|must install graphviz|Graphviz|\"dot\" not found",
        "`plot_model` needs the program Graphviz and the package pydot, which this course does not install. "
        "`model.summary()` shows the layers without them.",
    ),
    (
        r"module 'tensorflow\._api\.v2\.train' has no attribute '(\w+)'",
        "`tf.train.{0}` belongs to TensorFlow 1. Today: `keras.optimizers.Adam(0.01)` and its like.",
    ),
    (
        r"No module named 'tensorflow\.examples",
        "The tutorials of TensorFlow 1 are gone. In this course: `(x_train, y_train), (x_test, y_test) = "
        "ck.data.load_mnist()`.",
    ),
    (
        r"URL fetch failure",
        "The download did not work: there is no connection to that address. The data of this course are in `ck.data`, "
        "without a download: `ck.data.load_mnist()`.",
    ),
    (
        r"EagerTensor' object does not support item assignment",
        "A tensor cannot be changed in place. Work on `t.numpy().copy()`, take a `tf.Variable` and `v[0].assign(1.0)`, or "
        "make a new tensor.",
    ),
    (
        r"EagerTensor' object has no attribute '(\w+)'",
        "A tensor has no `{0}`. Make an array of it with `t.numpy()`, or look for the function in `keras.ops`.",
    ),
    (
        r"KerasTensor is symbolic|symbolic KerasTensor|KerasTensor cannot be used",
        "Inside a functional model there are no numbers yet, only shapes. NumPy, `float` and `if` need numbers: take the "
        "function of `keras.ops` (`keras.ops.log`), or a layer.",
    ),
    (
        r"was expected to be a (\w+) tensor but is an? (\w+) tensor",
        "TensorFlow does not mix kinds of numbers: one is {0}, the other {1}. Convert with `tf.cast(t, 'float32')`.",
    ),
    (
        r"In\[0\] ndims must be >= 2|tf\.linalg\.matmul` must be at least rank 2",
        "A matrix product needs two axes. Make a row or a column of it: `t[None, :]`, `t[:, None]`.",
    ),
    (
        r"[Mm]atrix size-incompatible: In\[0\]: \[(\d+),(\d+)\], In\[1\]: \[(\d+),(\d+)\]",
        "The rows have {1} numbers and the layer has weights for {2}. New data need the same columns as those of `fit`: "
        "compare `X.shape`.",
    ),
    (
        r"non-persistent GradientTape can only be used",
        "A tape gives its gradients once. Ask for those of one loss together, `tape.gradient(loss, [w, b])`; for a second "
        "loss, and for each step, record anew.",
    ),
    (
        r"No gradients provided for any variable",
        "The loss does not depend on the weights as the tape saw it. Compute it inside `with tf.GradientTape() as tape:`, "
        "with TensorFlow's functions and not NumPy's.",
    ),
    (
        r"'(?:numpy\.\w+|float|int)' object has no attribute '_id'",
        "The tape was asked about a plain number. NumPy's functions leave the tape: compute the loss inside it with "
        "TensorFlow's, `tf.reduce_mean` for `np.mean`, `tf.nn.softplus(x)` for `np.logaddexp(0, x)`.",
    ),
    (
        r"Attempt to convert a value \(None\)|bad operand type for abs\(\): 'NoneType'",
        "There is None where a number was expected. A gradient is None where the tape did not see the way from the weight to "
        "the loss: call `model(X)` and compute the loss inside `with tf.GradientTape() as tape:`; `predict` and NumPy's "
        "functions leave the tape.",
    ),
    (
        r"SymbolicTensor' object has no attribute 'numpy'",
        "Inside a `tf.function` a tensor has no value yet: leave `.numpy()` out, and work with the tensor itself.",
    ),
    (
        r"Only instances of `keras\.Layer` can be added",
        "A Sequential is a list of layers, each one called: `layers.Dense(8)`, not `layers.Dense`.",
    ),
    (
        r"Expected `trainable` to be a boolean\. Received: trainable=<|TypeError: '(?:Dense|Conv2D|LSTM|GRU)' object is not iterable",
        "`keras.Sequential` takes one list: `keras.Sequential([first, second])`.",
    ),
    (
        r"too many positional arguments",
        "A layer that joins takes one list: `layers.Concatenate()([a, b])`.",
    ),
    (
        r"Only input tensors may be passed as positional arguments",
        "A model is called on arrays, not on lists: `model(np.array(x))`.",
    ),
    (
        r"Unrecognized data type: x=",
        "`fit` takes arrays, not lists: `np.array(x)`, `np.array(y)`.",
    ),
    (
        r"set_weights\(weights\)` on layer '\S+' with a weight list of length (\d+), but the layer was expecting (\d+)",
        "`set_weights` takes a list of {1} arrays, as `get_weights()` gives it: `layer.set_weights([kernel, bias])`.",
    ),
    (
        r"invalid literal for int\(\) with base 10: '(\D\S*)'",
        "{0} is a word where a number was expected. `sklearn.preprocessing.LabelEncoder` gives each class a number.",
    ),
    (
        r"OneHotEncoder\.__init__\(\) got an unexpected keyword argument 'sparse'",
        "The argument is called `sparse_output` today: `OneHotEncoder(sparse_output=False)`.",
    ),
    (
        r"unexpected keyword argument 'squared'",
        "The root has a function of its own today: `sklearn.metrics.root_mean_squared_error(y, p)`.",
    ),
    (
        r"unexpected keyword argument 'normalize'",
        "scikit-learn's models no longer scale by themselves: `make_pipeline(StandardScaler(), LinearRegression())`.",
    ),
    (
        r"unexpected keyword argument 'hidden_layers?'",
        "The hidden layers are called `hidden_layer_sizes`: `MLPClassifier(hidden_layer_sizes=(16, 8))`.",
    ),
    (
        r"'learning_rate' parameter of MLP\w+ must be",
        "In scikit-learn `learning_rate` names a schedule; the number is `learning_rate_init=0.01`.",
    ),
    (
        r"'loss' parameter of MLPRegressor must be .* Got [(\[]?\d",
        "The first argument of `MLPRegressor` is the loss. The layers have a name: `MLPRegressor(hidden_layer_sizes=(64,))`.",
    ),
    (
        r"The '(\w+)' parameter of \w+ must be ([^.]*?)\. Got (\S+) instead",
        "`{0}` must be {1}; it got {2}.",
    ),
    (
        r"Setting a random_state has no effect since shuffle is False",
        "Without shuffling there is nothing random: `KFold(5, shuffle=True, random_state=0)`.",
    ),
    (
        r"has no attribute 'get_feature_names'",
        "It is called `get_feature_names_out()` today.",
    ),
    (
        r"XGB\w+\.fit\(\) got an unexpected keyword argument '(\w+)'",
        "`{0}` belongs to the model today, not to `fit`: `XGBClassifier({0}=...)`.",
    ),
    (
        r"inhomogeneous shape",
        "The lists have different lengths, so they are no array. Fill up the short ones, or keep a list of arrays.",
    ),
    (
        r"only integer scalar arrays can be converted to a scalar index",
        "`np.concatenate` and its like take one list: `np.concatenate([a, b])`.",
    ),
    (
        r"Cannot interpret '(\d+)' as a data type",
        "The shape is one argument, in brackets: `np.zeros((3, {0}))`.",
    ),
    (
        r"shapes (\(\S+\)) and (\(\S+\)) not aligned",
        "A matrix product needs as many columns on the left as rows on the right; these are {0} and {1}. Is one of them "
        "transposed? `A.T`.",
    ),
    (
        r"matmul: Input operand 1 has a mismatch[\s\S]*size (\d+) is different from (\d+)",
        "A matrix product needs as many columns on the left as rows on the right; these are {1} and {0}. Is one of them "
        "transposed? `A.T`.",
    ),
    (
        r"could not be broadcast together with shapes (\(.*?\)) (\(.*?\))",
        "Arrays of shapes {0} and {1} do not fit together: from the right, sizes must be equal, or one of them 1. "
        "`a[:, None]` adds an axis.",
    ),
    (
        r"index (\d+) is out of bounds for axis (\d+) with size (\d+)",
        "There is no place {0} along axis {1}, which has {2}: counting begins at 0.",
    ),
    (
        r"only integers, slices \(`:`\)",
        "An index must be a whole number: `int(i)`, or `//` in place of `/`.",
    ),
    (
        r"cannot reshape array of size (\d+) into shape (\(.*?\))",
        "{0} numbers do not fill the shape {1}: its sizes must multiply to {0}. Take them from the data or from the "
        "function's arguments, not as fixed numbers; NumPy finds the one for which you write -1.",
    ),
    (
        r"ufunc 'bitwise_(?:and|or)' not supported",
        "`&` and `|` bind more tightly than `<` and `>`: put each condition in brackets, as in `(a > 0) & (b > 0)`.",
    ),
    (
        r"truth value of an array with more than one element is ambiguous",
        "An array of conditions is no single yes or no, as `and`, `or`, `if` and `0 < a < 1` need. Between arrays write "
        "`&` and `|`, with each condition in brackets, `(a > 0) & (b > 0)`, and `np.where` for `if`.",
    ),
    (
        r"TypeError: 'tuple' object is not callable",
        "A tuple was called. `x.shape` has no brackets behind it.",
    ),
    (
        r"'(seaborn[\w-]*)' is not a valid package style",
        "matplotlib calls this style {0} no longer; add the version, as in `plt.style.use('seaborn-v0_8-whitegrid')`. "
        "`ck.setup()` has set the course's own style.",
    ),
    (
        r"gca\(\) got an unexpected keyword argument 'projection'",
        "Today: `fig.add_subplot(projection='3d')`.",
    ),
    (
        r"unexpected keyword argument 'normed'",
        "The argument of `hist` is called `density` today.",
    ),
    (
        r"module 'matplotlib\.cm' has no attribute 'get_cmap'",
        "Today: `matplotlib.colormaps['viridis']`.",
    ),
    (
        r"'numpy\.ndarray' object has no attribute '(plot|scatter|imshow|hist|bar|set|set_title)'",
        "`plt.subplots` with several pictures gives an array of axes: take one of them, `axs[0].{0}(...)`.",
    ),
    (
        r"x and y must have same first dimension, but have shapes \((\d+),.*?\((\d+),",
        "The picture got {0} places and {1} heights: both need the same number.",
    ),
    (
        r"invalid character '([“”„‘’–—−×])'",
        "The sign {0} comes from a slide or a text program. Python wants the plain ones of the keyboard: \" ' - *",
    ),
    (
        r"Missing parentheses in call to 'print'",
        "This is Python 2. Today `print` is a function: `print(x)`.",
    ),
    (
        r"name '(raw_input|xrange|unicode)' is not defined",
        "`{0}` is Python 2. Today: `input`, `range`, `str`.",
    ),
]


def hint_for(error):
    """What an error of Keras, scikit-learn or NumPy means, in one or two sentences; "" where it is not known here."""
    return hint_of(type(error).__name__, str(error))


def hint_of(kind, text):
    """As `hint_for`, of the name of an error's class and its message."""
    text = f"{kind}: " + re.sub(r"\x1b\[\d*m", "", text)
    for pattern, sentence in _SENTENCES:
        found = re.search(pattern, text)
        if found:
            return sentence.format(*(group.strip()[:60] for group in found.groups() if group is not None))
    for pattern, table, sentence in _OLD_NAMES:
        found = re.search(pattern, text)
        old = next((group for group in found.groups() if group), None) if found else None
        if old in table:
            return sentence.format(old, table[old])
    return ""


def doubts(model):
    """What looks wrong in a compiled Keras model although it raises no error.

    Returns
    -------
    list of str
    """
    if not getattr(model, "compiled", False) or not getattr(model, "layers", None):
        return []
    last = model.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", None)
    units = getattr(last, "units", None)
    loss = _name(getattr(model, "loss", None))
    said = []
    if activation == "softmax" and units == 1:
        said.append(
            "The last layer is a softmax over one unit: it answers 1 for everything. Use a sigmoid for two classes, or "
            "as many units as there are classes."
        )
    elif activation == "softmax" and loss == "binary_crossentropy":
        said.append(
            "Softmax with binary cross-entropy treats each class as a question of its own. If several may be right at "
            "once, end with a sigmoid. If one is, use `sparse_categorical_crossentropy` for whole-number labels, "
            "`categorical_crossentropy` for one-hot ones."
        )
    probabilities = not getattr(getattr(model, "loss", None), "_fn_kwargs", {}).get("from_logits", False)
    if activation == "linear" and "crossentropy" in loss and probabilities:
        said.append(
            f"The loss {loss} expects probabilities, and the last layer gives any number (logits). Add a sigmoid or a "
            "softmax, or use the loss with `from_logits=True`."
        )
    return said


def not_a_number(history):
    """A sentence where the loss of a Keras `History` became NaN or infinite, else ""."""
    for epoch, loss in enumerate(getattr(history, "history", {}).get("loss", []), 1):
        if loss != loss or abs(loss) == float("inf"):
            return (
                f"The loss is {loss} from epoch {epoch} on. Usual causes: NaN in the data, inputs that are not scaled, "
                "a learning rate that is too large, a logarithm of 0."
            )
    return ""


def install(shell=None):
    """Say these sentences after each cell of a notebook; does nothing outside IPython."""
    if shell is None:
        try:
            from IPython import get_ipython
        except ImportError:
            return
        shell = get_ipython()
    if shell is None or getattr(shell, "_coursekit_explains", False):
        return
    shell._coursekit_explains = True
    said = set()

    def after(result):
        if not getattr(shell, "_coursekit_explains", False):
            return
        error = result.error_in_exec or result.error_before_exec
        for sentence in [hint_for(error)] if error is not None else _silent(shell.user_ns, said):
            if sentence:
                print(f"\n→ {sentence}")

    shell.events.register("post_run_cell", after)


def uninstall(shell=None):
    """Say no more sentences."""
    if shell is None:
        from IPython import get_ipython

        shell = get_ipython()
    if shell is not None:
        shell._coursekit_explains = False


def _silent(names, said):
    """The doubts about what the student's names hold, each said once for an object."""
    for name, thing in list(names.items()):
        if name.startswith("_") or not type(thing).__module__.startswith("keras."):
            continue
        sentences = [not_a_number(thing)] if type(thing).__name__ == "History" else doubts(thing)
        for sentence in sentences:
            if sentence and (id(thing), sentence) not in said:
                said.add((id(thing), sentence))
                yield f"`{name}`: {sentence}"


def _name(loss):
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")
    return str(name)
