"""How far each engine is from float64 on the networks of networks.py; see ../accuracy.

The reference is the network widened to float64 (float64.py), run by apus's interpreter, which is plain Swift. Inputs
and weights are those of float32, so that the differences are those of arithmetic alone.

    max    largest |output - reference| as a share of the largest |reference|, of the worst output
    frob   Frobenius norm of output - reference as a share of that of the reference, of the worst output
    cos    1 - the least cosine of the angle between an output and its reference

With several samples of the inputs, float32 arrays of all but the first are changed by a tenth, at random, unless they
hold whole numbers, which may be indices; errors are geometric means over them. One sample says little about networks that make errors much larger, such as MobileNet.

Tiles are emulated where the CPU lacks nothing else for AMX. A float32 result that is rounded once differs by up to
6e-8: smaller errors are counted as that in ratios.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from engines import Engine, EngineFailure
from float64 import widened, widened_inputs
from networks import NETWORKS, Unavailable, prepare

ROUNDING = 6e-8
# What float64 itself rounds off: smaller errors are none.
NOTHING = 1e-16
# Name, instruction set (None: the best), precision.
RUNS = [
    ("avx2", "avx2", "float32"),
    ("avx512", "avx512", "float32"),
    ("amx", "amx", "float32"),
    ("fast", "amx", "fast"),
    ("bf16", "avx512", "bfloat16"),
    ("bf16 amx", "amx", "bfloat16"),
]
PEERS = [("ort", "onnxruntime", "float32"), ("ov", "openvino", "float32"), ("ov bf16", "openvino", "bfloat16")]
EXACT = ["avx2", "avx512", "amx", "ort", "ov"]
COARSE = ["bf16", "bf16 amx", "ov bf16"]


class Failure(Exception):
    pass


def read(path):
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def run_apus(runner, cap, precision, model, inputs, outputs):
    command = [runner, "--outputs", model, inputs, outputs, precision]
    result = subprocess.run(command, env=os.environ | {"APUS_CPU": cap}, capture_output=True, text=True)
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines()
        raise Failure(lines[-1] if lines else f"ended with {result.returncode}")
    return read(outputs)


def run_peer(engine, precision, folder, outputs):
    try:
        with Engine(engine, None, folder, os.cpu_count(), precision) as process:
            process.run(1)
            process.write_outputs(outputs)
    except EngineFailure as failure:
        raise Failure(str(failure)) from None
    return read(outputs)


def errors(outputs, reference):
    """max, frob and cos, each of the worst output."""
    worst = np.zeros(3)
    for name, expected in reference.items():
        if expected.dtype.kind != "f" or expected.size == 0:
            continue
        found, expected = outputs[name].astype(np.float64).ravel(), expected.ravel()
        difference, norm = found - expected, np.linalg.norm(expected)
        length = np.linalg.norm(found) * norm
        largest = np.abs(expected).max()
        if largest == 0:
            continue
        cosine = 1 - found @ expected / length if length else 1.0
        worst = np.maximum(worst, [np.abs(difference).max() / largest, np.linalg.norm(difference) / norm, cosine])
    return worst


def sample(arrays, number):
    generator = np.random.default_rng(number)
    if number == 0:
        return arrays
    return {
        name: (array * (1 + 0.1 * generator.standard_normal(array.shape))).astype(np.float32)
        if array.dtype == np.float32 and not np.array_equal(array, np.round(array))
        else array
        for name, array in arrays.items()
    }


def measure(name, runner, samples):
    """Errors by run; a run that fails is left out, with a remark."""
    folder = prepare(name)
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        model, inputs = Path(temporary) / "model.onnx", Path(temporary) / "inputs.npz"
        wide, wide_inputs = Path(temporary) / "wide.onnx", Path(temporary) / "wide.npz"
        model.symlink_to(folder.resolve() / "model.onnx")
        onnx.save(widened(onnx.load(model)), wide)
        for number in range(samples):
            arrays = sample(read(folder / "inputs.npz"), number)
            np.savez(inputs, **arrays)
            np.savez(wide_inputs, **widened_inputs(arrays))
            for run, found in measure_sample(name, runner, Path(temporary), results if number else None).items():
                results.setdefault(run, []).append(found)
    return {run: np.exp(np.mean(np.log(np.maximum(found, NOTHING)), axis=0)) for run, found in results.items()}


def measure_sample(name, runner, folder, runs):
    """Errors by run, of those that are in `runs`, unless that is None."""
    outputs = folder / "outputs.npz"
    reference = run_apus(runner, "interpreter", "float32", folder / "wide.onnx", folder / "wide.npz", outputs)
    calls = {
        run: lambda cap=cap, precision=precision: run_apus(
            runner, cap, precision, folder / "model.onnx", folder / "inputs.npz", outputs
        )
        for run, cap, precision in RUNS
    } | {
        run: lambda engine=engine, precision=precision: run_peer(engine, precision, folder, outputs)
        for run, engine, precision in PEERS
    }
    results = {}
    for run, call in calls.items():
        if runs is not None and run not in runs:
            continue
        try:
            results[run] = errors(call(), reference)
        except Failure as failure:
            print(f"{name}, {run}: {failure}", file=sys.stderr)
    return results


def ratio(results, run):
    """The larger of the ratios of both errors to onnxruntime's."""
    if run not in results or "ort" not in results:
        return None
    own, other = (np.maximum(results[key][:2], ROUNDING) for key in (run, "ort"))
    return (own / other).max()


def cells(results, runs, show):
    return [show(results[run]) if run in results else "-" for run in runs]


def row(name, results):
    ratios = [ratio(results, run) for run in EXACT[:3]]
    return (
        [name]
        + cells(results, EXACT, lambda e: f"{e[0]:.1e} {e[1]:.1e}")
        + ["-" if value is None else f"{value:.2f}" for value in ratios]
        + cells(results, ["fast"], lambda e: f"{e[1]:.1e}")
        + cells(results, COARSE, lambda e: f"{e[2]:.1e}")
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="accuracy"
    )
    parser.add_argument("--models", help="names; all without it")
    parser.add_argument("--runner", metavar="BINARY", type=Path, required=True, help="apus-conformance")
    parser.add_argument("--samples", type=int, default=1, help="of the inputs (1)")
    arguments = parser.parse_args()
    names = arguments.models.split(",") if arguments.models else list(NETWORKS)
    if unknown := [name for name in names if name not in NETWORKS]:
        parser.error(f"no networks: {', '.join(unknown)}; there are {', '.join(NETWORKS)}")
    titles = ["network"] + [f"{run} max frob" for run in EXACT] + [f"{run}/ort" for run in EXACT[:3]]
    titles += ["fast frob"] + [f"{run} 1-cos" for run in COARSE]
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles), flush=True)
    for name in names:
        try:
            results = measure(name, arguments.runner, arguments.samples)
        except (Failure, Unavailable, ValueError) as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            continue
        print("| " + " | ".join(row(name, results)) + " |", flush=True)


if __name__ == "__main__":
    main()
