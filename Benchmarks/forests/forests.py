"""Times tree ensembles of scikit-learn with apus and onnxruntime and prints a table; see run.

Models are trained once and kept in .build-forests/. Rows to score are neighbours of those of the training set: walks
end at many leaves, as they do in use. Engines take turns in short bursts, each in a process of its own; what is timed
is one inference. The columns are microseconds (median), onnxruntime's time as a multiple of apus's, and the largest
difference of the scores as a share of the largest score.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "comparison"))
from engines import Engine  # noqa: E402

FOLDER = Path(__file__).parents[2] / ".build-forests"
ENGINES = ["apus", "onnxruntime"]
BURST_SECONDS = 0.1
SAMPLES = 4000
FEATURES = 30


def classes(count):
    from sklearn.datasets import make_classification

    return make_classification(
        n_samples=SAMPLES, n_features=FEATURES, n_informative=15, n_classes=count, random_state=1
    )


def numbers():
    from sklearn.datasets import make_regression

    return make_regression(n_samples=SAMPLES, n_features=FEATURES, random_state=1, noise=3.0)


def models():
    """Name to estimator and training set."""
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = dict(n_estimators=500, random_state=1, n_jobs=-1)
    return {
        "forest-2-classes": lambda: (RandomForestClassifier(**forest), classes(2)),
        "forest-10-classes": lambda: (RandomForestClassifier(**forest), classes(10)),
        "forest-regression": lambda: (RandomForestRegressor(**forest), numbers()),
        "forest-depth-8": lambda: (RandomForestClassifier(max_depth=8, **forest), classes(10)),
        "boosting-2-classes": lambda: (GradientBoostingClassifier(n_estimators=300, random_state=1), classes(2)),
        "boosting-10-classes": lambda: (GradientBoostingClassifier(random_state=1), classes(10)),
        "boosting-regression": lambda: (GradientBoostingRegressor(n_estimators=500, random_state=1), numbers()),
    }


def prepare(name, make):
    """The folder of a model and rows to score."""
    folder = FOLDER / name
    if not (folder / "rows.npy").exists():
        from skl2onnx import to_onnx

        print(f"training {name}", file=sys.stderr)
        estimator, (x, y) = make()
        x = x.astype(np.float32)
        options = {"zipmap": False} if hasattr(estimator, "predict_proba") else None
        model = to_onnx(estimator.fit(x, y), x[:1], options=options)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        random = np.random.default_rng(0)
        rows = x[random.integers(0, len(x), 10_000)] + 0.1 * random.standard_normal((10_000, FEATURES))
        np.save(folder / "rows.npy", rows.astype(np.float32))
    return folder


def measure(folder, row_count, arguments):
    """Nanoseconds of each engine, and the difference of their scores."""
    rows = np.load(folder / "rows.npy")
    with tempfile.TemporaryDirectory() as scratch:
        case = Path(scratch)
        (case / "model.onnx").symlink_to(folder / "model.onnx")
        np.savez(case / "inputs.npz", X=np.resize(rows, (row_count, FEATURES)))
        engines = {name: Engine(name, arguments.apus, case, arguments.threads) for name in ENGINES}
        try:
            times = {name: [] for name in ENGINES}
            spent = 0
            while spent < arguments.seconds * 1e9:
                for name, engine in engines.items():
                    once = engine.run(2)[1]
                    times[name] += engine.run(max(3, round(BURST_SECONDS * 1e9 / once)))[1:]
                    spent += BURST_SECONDS * 1e9
            outputs = {}
            for name, engine in engines.items():
                engine.write_outputs(case / f"{name}.npz")
                outputs[name] = dict(np.load(case / f"{name}.npz"))
        finally:
            for engine in engines.values():
                engine.__exit__()
    scores = [key for key, value in outputs["onnxruntime"].items() if value.dtype.kind == "f"]
    difference = max(
        np.abs(outputs["apus"][key] - outputs["onnxruntime"][key]).max() / np.abs(outputs["onnxruntime"][key]).max()
        for key in scores
    )
    return [statistics.median(times[name]) for name in ENGINES], difference


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--apus", required=True)
    parser.add_argument("--models", default="")
    parser.add_argument("--rows", default="1,32,1000,10000")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1)
    arguments = parser.parse_args()
    table = models()
    names = arguments.models.split(",") if arguments.models else list(table)
    if unknown := set(names) - set(table):
        sys.exit(f"no model is called {', '.join(sorted(unknown))}; there are {', '.join(table)}")
    print(f"{'model':22} {'rows':>6} {'apus µs':>10} {'ort µs':>10} {'ort/apus':>8} {'diff':>8}")
    for name in names:
        folder = prepare(name, table[name])
        for row_count in map(int, arguments.rows.split(",")):
            (apus, peer), difference = measure(folder, row_count, arguments)
            print(
                f"{name:22} {row_count:6} {apus / 1e3:10.1f} {peer / 1e3:10.1f} {peer / apus:8.2f} {difference:8.1g}",
                flush=True,
            )


if __name__ == "__main__":
    main()
