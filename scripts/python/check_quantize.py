"""Quantises the digits network as a user would, on scikit-learn's pictures, and compares it with the float32 one.

Exits non-zero when the integer network is right less often by more than half a point, or when ONNX Runtime's reading of
the file, where it is installed, gives other labels.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

MODEL = Path(__file__).parents[2] / "models" / "digits"
CALIBRATION_ROWS = 200
LARGEST_LOSS = 0.5


def reference_labels(path, images):
    """Labels of another runtime; None where none is installed."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(str(path)).run(["label"], {"image": images})[0]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["label"], {"image": images})[0]


def main():
    apus = sys.argv[1]
    images, labels = load_digits(return_X_y=True)
    images = images.astype(np.float32).reshape(-1, 1, 8, 8)
    train, test, _, test_labels = train_test_split(images, labels, test_size=0.25, random_state=1, stratify=labels)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        np.savez(folder / "calibration.npz", image=train[:CALIBRATION_ROWS])
        np.savez(folder / "test.npz", image=test)
        accuracies = {"float32": accuracy(apus, MODEL, folder, test_labels)[0]}
        for ranges in ("minmax", "entropy"):
            output = folder / f"{ranges}.onnx"
            subprocess.run(
                [apus, "quantize", MODEL, "--calibration", folder / "calibration.npz", "-o", output, "--ranges", ranges],
                check=True, stdout=subprocess.DEVNULL)
            accuracies[ranges], found = accuracy(apus, output, folder, test_labels)
            equal = np.mean(found == reference_labels(output, test))
            if equal < 0.995:
                print(f"{ranges}: another runtime gives the same label for {equal:.1%} only")
                failed = True
    print(", ".join(f"{name} {value:.2f} %" for name, value in accuracies.items()))
    for ranges in ("minmax", "entropy"):
        if accuracies[ranges] < accuracies["float32"] - LARGEST_LOSS:
            print(f"{ranges} loses more than {LARGEST_LOSS} points")
            failed = True
    sys.exit(failed)


def accuracy(apus, model, folder, labels):
    """Percent of right answers, and the answers."""
    result = folder / "result.npz"
    subprocess.run([apus, "run", model, "--inputs", folder / "test.npz", "--outputs", result], check=True)
    found = np.load(result)["label"]
    return 100 * float(np.mean(found == labels)), found


if __name__ == "__main__":
    main()
