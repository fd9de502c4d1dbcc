"""Compares apus with onnxruntime on scikit-learn's estimators: check_sklearn.py APUS [NAME...]

Prints a line for each estimator: rows, labels that differ, the largest difference of scores, relative to 1 or the
score where that is larger. Exits with 1 when labels differ or scores do by more than TOLERANCE.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Before numpy is there: threads that spin for each other are slow on a busy machine.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

# ruff: noqa: E402
import numpy as np
import onnxruntime
import skl2onnx.common._container as container
import sklearn.base
import sklearn.calibration as calibration
import sklearn.cluster as cluster
import sklearn.decomposition as decomposition
import sklearn.discriminant_analysis as discriminant
import sklearn.ensemble as ensemble
import sklearn.feature_extraction.text as text
import sklearn.feature_selection as selection
import sklearn.gaussian_process as gaussian
import sklearn.impute as impute
import sklearn.linear_model as linear
import sklearn.mixture as mixture
import sklearn.multiclass as multiclass
import sklearn.multioutput as multioutput
import sklearn.naive_bayes as bayes
import sklearn.neighbors as neighbors
import sklearn.neural_network as neural
import sklearn.pipeline as pipeline
import sklearn.preprocessing as preprocessing
import sklearn.svm as svm
import sklearn.tree as tree
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

SEED = 1
OPSETS = {"": 18, "ai.onnx.ml": 3}
TOLERANCE = 1e-5
TIME_LIMIT_SECONDS = 120

# Data sets: name → (x float32 [N, F], y)


def scaled(x):
    """Columns of mean 0 and deviation 1: no score hangs on a difference of large numbers."""
    return ((x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-3)).astype(np.float32)


def data_sets():
    sets = {}
    for name, load in [
        ("iris", load_iris), ("wine", load_wine), ("cancer", load_breast_cancer), ("diabetes", load_diabetes),
        ("digits", load_digits),
    ]:
        loaded = load()
        sets[name] = (scaled(loaded.data), loaded.target)
    iris, species = sets["iris"]
    sets["pair"] = (iris[species > 0], species[species > 0])
    sets["counts"] = (load_digits().data.astype(np.float32), load_digits().target)
    # Sums of logarithms small enough for probabilities of float32 to be exact to TOLERANCE.
    sets["shares"] = (sets["counts"][0] / 160, sets["counts"][1])
    diabetes, target = sets["diabetes"]
    sets["diabetes_scaled"] = (diabetes, (target - target.mean()) / target.std())
    sets["targets"] = (diabetes, np.stack([target / 100, diabetes[:, 0] + diabetes[:, 3] ** 2], axis=1))
    return sets


SENTENCES = [
    f"{size} {colour} {animal}s {verb} over the {place}"
    for size in ("small", "large")
    for colour in ("red", "brown", "white")
    for animal in ("fox", "dog", "swift")
    for verb in ("jump", "fly")
    for place in ("garden", "lazy river")
]


def sentences():
    return np.array(SENTENCES).reshape(-1, 1), np.array([int("swift" in line or "fly" in line) for line in SENTENCES])


def passengers():
    """Mixed columns: two of numbers, some missing, and two of words."""
    random = np.random.default_rng(SEED)
    numbers = random.normal(size=(300, 2)).astype(np.float32)
    numbers[random.random((300, 2)) < 0.1] = np.nan
    words = np.stack([random.choice(["Bern", "Basel", "Genf"], 300), random.choice(["a", "b"], 300)], axis=1)
    labels = np.where((np.nan_to_num(numbers[:, 0]) > 0) ^ (words[:, 1] == "a"), "yes", "no")
    return numbers, words, labels


# Estimators: name → (data set, estimator)


def estimators():
    two, three, ten = "cancer", "iris", "digits"
    number, small = "diabetes", "diabetes_scaled"
    logistic = linear.LogisticRegression(max_iter=2000)
    forest = ensemble.RandomForestClassifier(10, random_state=SEED)
    steps = pipeline.make_pipeline
    return {
        # Linear
        "LogisticRegression": (three, logistic),
        "LogisticRegression two": (two, logistic),
        "LogisticRegressionCV": (three, linear.LogisticRegressionCV(max_iter=2000, cv=2)),
        "SGDClassifier": (three, linear.SGDClassifier(random_state=SEED)),
        "SGDClassifier log": (two, linear.SGDClassifier(loss="log_loss", random_state=SEED)),
        "Perceptron": (three, linear.Perceptron(random_state=SEED)),
        "RidgeClassifier": (three, linear.RidgeClassifier()),
        "LinearRegression": (number, linear.LinearRegression()),
        "Ridge": (number, linear.Ridge()),
        "Lasso": (number, linear.Lasso()),
        "ElasticNet": (number, linear.ElasticNet()),
        "BayesianRidge": (number, linear.BayesianRidge()),
        "SGDRegressor": (small, linear.SGDRegressor(random_state=SEED)),
        "HuberRegressor": (small, linear.HuberRegressor()),
        "PoissonRegressor": (number, linear.PoissonRegressor()),
        "Lars": (number, linear.Lars()),
        # Support vectors
        "LinearSVC": (three, svm.LinearSVC(random_state=SEED)),
        "LinearSVR": (small, svm.LinearSVR(random_state=SEED)),
        "SVC rbf": (three, svm.SVC()),
        "SVC linear": (two, svm.SVC(kernel="linear")),
        "SVC sigmoid": (three, svm.SVC(kernel="sigmoid")),
        "SVC poly probability": (three, svm.SVC(kernel="poly", probability=True, random_state=SEED)),
        "SVC rbf probability two": (two, svm.SVC(probability=True, random_state=SEED)),
        "NuSVC": (three, svm.NuSVC()),
        "SVR": (small, svm.SVR()),
        "SVR poly": (small, svm.SVR(kernel="poly", degree=2)),
        "NuSVR": (small, svm.NuSVR()),
        "OneClassSVM": (three, svm.OneClassSVM()),
        # Trees
        "DecisionTreeClassifier": (three, tree.DecisionTreeClassifier(random_state=SEED)),
        "DecisionTreeRegressor": (number, tree.DecisionTreeRegressor(random_state=SEED)),
        "RandomForestClassifier": (ten, ensemble.RandomForestClassifier(40, random_state=SEED)),
        "RandomForestClassifier two": (two, ensemble.RandomForestClassifier(40, random_state=SEED)),
        "RandomForestClassifier depth 4": (ten, ensemble.RandomForestClassifier(40, max_depth=4, random_state=SEED)),
        "RandomForestRegressor": (number, ensemble.RandomForestRegressor(40, random_state=SEED)),
        "RandomForestRegressor targets": ("targets", ensemble.RandomForestRegressor(20, random_state=SEED)),
        "ExtraTreesClassifier": (ten, ensemble.ExtraTreesClassifier(40, random_state=SEED)),
        "ExtraTreesRegressor": (small, ensemble.ExtraTreesRegressor(20, random_state=SEED)),
        "GradientBoostingClassifier": (three, ensemble.GradientBoostingClassifier(n_estimators=30, random_state=SEED)),
        "GradientBoostingClassifier two": (two, ensemble.GradientBoostingClassifier(n_estimators=30, random_state=SEED)),
        "GradientBoostingRegressor": (number, ensemble.GradientBoostingRegressor(n_estimators=50, random_state=SEED)),
        "HistGradientBoostingClassifier": (three, ensemble.HistGradientBoostingClassifier(max_iter=15, random_state=SEED)),
        "HistGradientBoostingClassifier two": (two, ensemble.HistGradientBoostingClassifier(max_iter=15, random_state=SEED)),
        "HistGradientBoostingRegressor": (small, ensemble.HistGradientBoostingRegressor(max_iter=50, random_state=SEED)),
        "AdaBoostClassifier": (three, ensemble.AdaBoostClassifier(n_estimators=20, random_state=SEED)),
        "AdaBoostRegressor": (number, ensemble.AdaBoostRegressor(n_estimators=20, random_state=SEED)),
        "BaggingClassifier": (three, ensemble.BaggingClassifier(random_state=SEED)),
        "BaggingRegressor": (number, ensemble.BaggingRegressor(random_state=SEED)),
        "IsolationForest": (three, ensemble.IsolationForest(n_estimators=20, random_state=SEED)),
        # Several models
        "VotingClassifier soft": (three, ensemble.VotingClassifier([("a", logistic), ("b", forest)], voting="soft", flatten_transform=False)),
        "VotingClassifier hard": (three, ensemble.VotingClassifier([("a", logistic), ("b", forest)], flatten_transform=False)),
        "VotingRegressor": (small, ensemble.VotingRegressor([("a", linear.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=4))])),
        "StackingClassifier": (three, ensemble.StackingClassifier([("a", forest), ("b", bayes.GaussianNB())], logistic, cv=2)),
        "StackingRegressor": (small, ensemble.StackingRegressor([("a", linear.Ridge()), ("b", linear.Lasso())], cv=2)),
        "OneVsRestClassifier": (three, multiclass.OneVsRestClassifier(logistic)),
        "OneVsOneClassifier": (three, multiclass.OneVsOneClassifier(logistic)),
        "MultiOutputRegressor": ("targets", multioutput.MultiOutputRegressor(linear.Ridge())),
        "CalibratedClassifier sigmoid": (three, calibration.CalibratedClassifierCV(forest, cv=2)),
        "CalibratedClassifier isotonic": (two, calibration.CalibratedClassifierCV(bayes.GaussianNB(), method="isotonic", cv=2)),
        # Neighbours, Bayes, networks, processes
        "KNeighborsClassifier": (three, neighbors.KNeighborsClassifier()),
        "KNeighborsClassifier weights": (ten, neighbors.KNeighborsClassifier(weights="distance")),
        "KNeighborsRegressor": (small, neighbors.KNeighborsRegressor()),
        "GaussianNB": (three, bayes.GaussianNB()),
        "MultinomialNB": ("counts", bayes.MultinomialNB()),
        "ComplementNB": ("shares", bayes.ComplementNB()),
        "BernoulliNB": (three, bayes.BernoulliNB()),
        "MLPClassifier": (three, neural.MLPClassifier(max_iter=100, random_state=SEED)),
        "MLPClassifier tanh two": (two, neural.MLPClassifier(activation="tanh", max_iter=100, random_state=SEED)),
        "MLPRegressor": (small, neural.MLPRegressor(max_iter=200, random_state=SEED)),
        "LinearDiscriminantAnalysis": (three, discriminant.LinearDiscriminantAnalysis()),
        "QuadraticDiscriminantAnalysis": (three, discriminant.QuadraticDiscriminantAnalysis()),
        "GaussianProcessClassifier": ("pair", gaussian.GaussianProcessClassifier(random_state=SEED, optimizer=None)),
        "GaussianProcessRegressor": (small, gaussian.GaussianProcessRegressor(alpha=1.0, optimizer=None)),
        # Clusters, decompositions, columns
        "KMeans": (three, cluster.KMeans(4, n_init=1, random_state=SEED)),
        "MiniBatchKMeans": (three, cluster.MiniBatchKMeans(4, n_init=1, random_state=SEED)),
        "GaussianMixture": (three, mixture.GaussianMixture(3, random_state=SEED)),
        "PCA": (ten, decomposition.PCA(8, random_state=SEED)),
        "IncrementalPCA": (ten, decomposition.IncrementalPCA(8)),
        "KernelPCA": (three, decomposition.KernelPCA(3, kernel="rbf")),
        "TruncatedSVD": (ten, decomposition.TruncatedSVD(8, random_state=SEED)),
        "SelectKBest": (three, steps(selection.SelectKBest(k=2), logistic)),
        "StandardScaler": (three, preprocessing.StandardScaler()),
        "MinMaxScaler": (three, preprocessing.MinMaxScaler(clip=True)),
        "MaxAbsScaler": (three, preprocessing.MaxAbsScaler()),
        "RobustScaler": (three, preprocessing.RobustScaler()),
        "PowerTransformer": (three, preprocessing.PowerTransformer()),
        "Normalizer": (three, preprocessing.Normalizer()),
        "Binarizer": (three, preprocessing.Binarizer()),
        "KBinsDiscretizer": (three, preprocessing.KBinsDiscretizer(encode="ordinal", quantile_method="averaged_inverted_cdf")),
        "PolynomialFeatures": (three, steps(preprocessing.PolynomialFeatures(3), preprocessing.StandardScaler())),
        "KNNImputer": (three, impute.KNNImputer()),
    }


def with_plain_attributes(make_node):
    """skl2onnx gives numbers of numpy and truth values to nodes, which onnx refuses in a list of integers."""

    def plain(value):
        if isinstance(value, list) and any(isinstance(item, (bool, np.bool_, np.integer)) for item in value):
            return [int(item) if isinstance(item, (bool, np.bool_, np.integer)) else item for item in value]
        return value

    return lambda *arguments, **attributes: make_node(
        *arguments, **{name: plain(value) for name, value in attributes.items()})


container.make_node = with_plain_attributes(container.make_node)


def gives_maps(estimator):
    """Whether a converted classifier gives maps unless told not to."""
    return sklearn.base.is_classifier(estimator) and not isinstance(estimator, svm.LinearSVC)


def cases(wanted):
    """(name, model, inputs) of everything that skl2onnx converts; the names of what it does not, with the reason."""
    sets = data_sets()
    refused = []

    def add(name, estimator, x, y, types=None, inputs=None):
        if wanted and not any(word.lower() in name.lower() for word in wanted):
            return None
        estimator.fit(x, y)
        options = {id(estimator): {"zipmap": False}} if gives_maps(estimator) else None
        try:
            model = to_onnx(estimator, None if types else x[:1], initial_types=types, options=options, target_opset=OPSETS)
        except Exception as error:  # Converters raise whatever comes.
            refused.append((name, str(error).splitlines()[0][:90]))
            return None
        inputs = inputs or {model.graph.input[0].name: x}
        return name, model, inputs

    found = []
    for name, (data, estimator) in estimators().items():
        x, y = sets[data]
        found.append(add(name, estimator, x[::2], y[::2]))

    # Converting to lower case would need a locale of the machine's for onnxruntime.
    lines, is_about = sentences()
    word_types = [("lines", StringTensorType([None, 1]))]
    for name, vectorizer in [
        ("CountVectorizer", text.CountVectorizer(lowercase=False)),
        ("CountVectorizer n-grams", text.CountVectorizer(ngram_range=(1, 2), binary=True, lowercase=False)),
        ("TfidfVectorizer", text.TfidfVectorizer(lowercase=False)),
        ("TfidfVectorizer n-grams", text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, lowercase=False)),
    ]:
        column = ColumnTransformer([("words", vectorizer, 0)])
        found.append(
            add(name, pipeline.make_pipeline(column, linear.LogisticRegression()), lines, is_about, word_types,
                {"lines": lines})
        )

    numbers, words, labels = passengers()
    columns = ColumnTransformer([
        ("numbers", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), [0, 1]),
        ("words", preprocessing.OneHotEncoder(handle_unknown="ignore"), [2, 3]),
    ])
    ordinal = ColumnTransformer([
        ("numbers", impute.SimpleImputer(strategy="median"), [0, 1]),
        ("words", preprocessing.OrdinalEncoder(), [2, 3]),
    ])
    mixed = np.concatenate([numbers.astype(object), words.astype(object)], axis=1)
    types = [("numbers", FloatTensorType([None, 2])), ("words", StringTensorType([None, 2]))]
    given = {"numbers": numbers, "words": words}
    for name, first, last in [
        ("ColumnTransformer OneHotEncoder", columns, linear.LogisticRegression()),
        ("ColumnTransformer OrdinalEncoder", ordinal, ensemble.RandomForestClassifier(10, random_state=SEED)),
    ]:
        found.append(add(name, pipeline.make_pipeline(first, last), mixed, labels, types, given))
    return [case for case in found if case], refused


# Comparison


def through_apus(binary, path, inputs, folder):
    arguments = []
    for name, value in inputs.items():
        if value.dtype.kind in "UO":
            source = folder / f"{name}.json"
            source.write_text(json.dumps(value.tolist()))
        else:
            source = folder / f"{name}.npy"
            np.save(source, value)
        arguments += ["--input", f"{name}={source}"]
    done = subprocess.run(
        [binary, "run", path, *arguments, "--threads", "2"], capture_output=True, timeout=TIME_LIMIT_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace").strip()[:300])
    return json.loads(done.stdout)


def difference(found, expected):
    """(labels that differ, largest difference of scores)"""
    labels, scores = 0, 0.0
    for name, value in expected.items():
        mine = np.asarray(found[name])
        if mine.shape != value.shape:
            raise RuntimeError(f"{name} has shape {mine.shape} instead of {value.shape}")
        if value.dtype.kind == "f":
            mine, value = mine.astype(np.float64), value.astype(np.float64)
            same = (mine == value) | (np.isnan(mine) & np.isnan(value))
            distance = np.where(same, 0, np.abs(mine - value) / np.maximum(1, np.abs(value)))
            scores = max(scores, float(np.nan_to_num(distance, nan=np.inf).max(initial=0)))
        else:
            labels += int((mine.astype(value.dtype) != value).sum())
    return labels, scores


def check(binary, case):
    name, model, inputs = case
    rows = len(next(iter(inputs.values())))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # Of several types that onnxruntime does not name.
            return name, rows, f"not taken by onnxruntime: {str(error).splitlines()[0][-80:]}", None
        names = [output.name for output in session.get_outputs()]
        feeds = {key: value.astype(object) if value.dtype.kind == "U" else value for key, value in inputs.items()}
        expected = {key: np.asarray(value) for key, value in zip(names, session.run(None, feeds), strict=True)}
        try:
            labels, scores = difference(through_apus(binary, path, inputs, Path(folder)), expected)
        except (RuntimeError, KeyError, ValueError, OSError, subprocess.SubprocessError) as error:
            return name, rows, f"FAILED: {error}", False
    passed = labels == 0 and scores <= TOLERANCE
    return name, rows, f"{labels:6}  {scores:.1e}{'' if passed else '  FAILED'}", passed


def main(binary, wanted):
    warnings.filterwarnings("ignore")
    onnxruntime.set_default_logger_severity(3)
    found, refused = cases(wanted)
    if not found:
        sys.exit(f"no such estimator: {' '.join(wanted)}")
    print(f"{'estimator':38} {'rows':>5}  labels  scores")
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda case: check(binary, case), found))
    for name, rows, verdict, _ in results:
        print(f"{name:38} {rows:5}  {verdict}")
    for name, reason in refused:
        print(f"{name:38}        not converted by skl2onnx: {reason}")
    verdicts = [result[-1] for result in results if result[-1] is not None]
    print(f"{sum(verdicts)} of {len(verdicts)} agree with onnxruntime {onnxruntime.__version__}")
    sys.exit(0 if verdicts and all(verdicts) else 1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
