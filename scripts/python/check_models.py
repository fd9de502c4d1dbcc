"""Runs the real models of Tests/Models/models.jsonl through apus and onnxruntime and compares them."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import real_models

# Largest difference relative to the largest value of an output. Two right runs of a quantised network round
# differently somewhere, and differ by whole steps from there on: their direction is compared instead.
TOLERANCE = 1e-3
LEAST_COSINE = 0.99
# Outputs that are all smaller, such as one unlikely probability, are compared on this scale.
LEAST_SCALE = 1e-3
RUNS = 5
TIME_LIMIT_SECONDS = 300


class Disagreement(Exception):
    """The two runs differ; the text says how."""


# --- The two engines ------------------------------------------------------------------------------------------------


def load_reference(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def input_types(session):
    names = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16"}
    return {
        value.name: np.dtype(names.get(value.type) or value.type.removeprefix("tensor(").removesuffix(")"))
        for value in session.get_inputs()
    }


def timed_reference(session, inputs):
    try:
        outputs = session.run(None, inputs)
    except Exception as problem:  # onnxruntime's errors have no common class.
        raise Disagreement(f"onnxruntime: {str(problem).splitlines()[0]}") from problem
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - start)
    return dict(zip((value.name for value in session.get_outputs()), outputs, strict=True)), median(times)


def median(times):
    return sorted(times)[len(times) // 2]


def timed_apus(binary, path, inputs, threads, folder):
    """Outputs by name, and the median time of a run in seconds."""
    source, result = folder / "inputs.npz", folder / "outputs.npz"
    np.savez(source, **inputs)
    result.unlink(missing_ok=True)
    command = [binary, "bench", path, "--inputs", source, "--threads", str(threads), "--interactive"]
    words = f"run {RUNS + 1}\nwrite {result}\n"
    answer = subprocess.run(
        command, input=words, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS, check=False
    )
    lines = answer.stdout.splitlines()
    if "is no tensor" in answer.stderr:
        outputs = json_outputs(binary, path, source)
    elif answer.returncode:
        raise Disagreement((answer.stderr.strip().splitlines() or ["died"])[-1])
    else:
        with np.load(result) as archive:
            outputs = dict(archive)
    # The first run compiles.
    return outputs, median([int(word) / 1e9 for word in lines[1].split()][1:])


def json_outputs(binary, path, source):
    command = [binary, "run", path, "--inputs", source]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS, check=True)
    return json.loads(answer.stdout)


# --- Comparing ------------------------------------------------------------------------------------------------------


def difference(name, found, expected, *, quantized):
    """How far one output is from the expected one: the largest difference relative to the largest value."""
    if isinstance(expected, list):
        return maps_difference(name, found, expected)
    found = np.asarray(found)
    if found.shape != expected.shape:
        raise Disagreement(f"{name} has shape {found.shape}, expected {expected.shape}")
    if not np.issubdtype(expected.dtype, np.floating):
        if not np.array_equal(found, expected):
            raise Disagreement(f"{name}: {np.count_nonzero(found != expected)} of {expected.size} elements differ")
        return 0.0
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True) or not np.isfinite(found[finite]).all():
        raise Disagreement(f"{name}: NaN or infinite elements differ")
    if not finite.any():
        return 0.0
    found, expected = found[finite], expected[finite]
    relative = np.abs(found - expected).max() / max(np.abs(expected).max(), LEAST_SCALE)
    if quantized:
        cosine = (found @ expected) / max(np.linalg.norm(found) * np.linalg.norm(expected), 1e-30)
        if cosine < LEAST_COSINE and relative > TOLERANCE:
            raise Disagreement(f"{name}: cosine {cosine:.4f}")
    elif relative > TOLERANCE:
        raise Disagreement(f"{name}: relative difference {relative:.1e}")
    return relative


def maps_difference(name, found, expected):
    """Sequences of maps, as classifiers give them: the same labels, and probabilities that are close."""
    if len(found) != len(expected):
        raise Disagreement(f"{name} has {len(found)} elements, expected {len(expected)}")
    largest = 0.0
    for one, other in zip(found, expected, strict=True):
        if set(one) != {str(key) for key in other}:
            raise Disagreement(f"{name}: other labels")
        largest = max([largest] + [abs(one[str(key)] - value) for key, value in other.items()])
    if largest > TOLERANCE:
        raise Disagreement(f"{name}: difference {largest:.1e}")
    return largest


# --- The table ------------------------------------------------------------------------------------------------------


def check(model, arguments, folder):
    """Columns of the model's row: loads, agrees, time ratio, remark."""
    path = real_models.fetched(model, offline=arguments.cached) / "model.onnx"
    session = load_reference(path, arguments.threads)
    largest, ratios = 0.0, []
    for inputs in real_models.cases(model, input_types(session)):
        try:
            expected, reference_time = timed_reference(session, inputs)
            outputs, own_time = timed_apus(arguments.apus, path, inputs, arguments.threads, folder)
            for name, value in expected.items():
                if name not in outputs:
                    raise Disagreement(f"no output {name}")
                quantized = model.get("quantized", False)
                largest = max(largest, difference(name, outputs[name], value, quantized=quantized))
        except Disagreement as problem:
            shapes = {name: list(value.shape) for name, value in inputs.items()}
            return "", f"{problem}; inputs {shapes}"
        except subprocess.TimeoutExpired:
            return "", f"more than {TIME_LIMIT_SECONDS} s"
        ratios.append(reference_time / own_time)
    return f"{largest:.1e}  {np.exp(np.mean(np.log(ratios))):6.2f}", ""


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/fetch_models", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models of the list; without any, all")
    parser.add_argument("--apus", default=".build/release/apus", metavar="BINARY")
    parser.add_argument("--only-fetch", action="store_true", help="fetch and check the files, run nothing")
    parser.add_argument("--cached", action="store_true", help="fetch nothing; leave out what is not in the cache")
    parser.add_argument("--largest", type=float, default=float("inf"), metavar="MEGABYTES", help="leave out larger ones")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    models = [m for m in real_models.listed(arguments.names) if m["bytes"] <= arguments.largest * 1e6]
    passed, failed, absent = 0, 0, []
    if not arguments.only_fetch:
        print(f"{'model':24} {'agrees':8} {'largest':>7} {'speed':>7}   (differences relative to the largest value;")
        print(f"{'':24} {'':8} {'':>7} {'':>7}    onnxruntime's time over apus's, {arguments.threads} threads)")
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(BrokenPipeError):
        for model in models:
            name = model["name"]
            try:
                if arguments.only_fetch:
                    print(f"{name:24} {real_models.fetched(model)}", flush=True)
                    continue
                columns, problem = check(model, arguments, Path(folder))
            except real_models.Unavailable as reason:
                absent.append(f"{name}: {reason}")
                continue
            print(f"{name:24} {'NO      ' + problem if problem else 'yes      ' + columns}", flush=True)
            passed, failed = passed + (not problem), failed + bool(problem)
    for line in absent:
        print(f"left out {line}")
    if not arguments.only_fetch:
        print(f"{passed} of {passed + failed} models agree with onnxruntime; {len(absent)} not at hand")
    # Being offline is no failure of apus; asking for a file and not getting it is one.
    sys.exit(1 if failed or (absent and not arguments.cached) else 0)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    main()
