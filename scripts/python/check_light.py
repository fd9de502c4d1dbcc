"""Compares apus with the expected outputs of the suite's networks: check_light.py APUS FOLDER [NETWORK...]"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import servers
from onnx import numpy_helper

RTOL = 1e-3
ATOL = 1e-5
TIME_LIMIT_SECONDS = 600


def read_values(case, kind, names):
    data_set = case / "test_data_set_0"
    return {name: numpy_helper.to_array(onnx.load_tensor(data_set / f"{kind}_{i}.pb")) for i, name in enumerate(names)}


def read_case(case):
    graph = onnx.load(case / "model.onnx").graph
    weights = {initializer.name for initializer in graph.initializer}
    inputs = read_values(case, "input", [info.name for info in graph.input if info.name not in weights])
    return inputs, read_values(case, "output", [info.name for info in graph.output])


def through_run(binary, case, inputs):
    with tempfile.TemporaryDirectory() as name:
        source, result = Path(name) / "inputs.npz", Path(name) / "outputs.npz"
        np.savez(source, **inputs)
        command = [binary, "run", case / "model.onnx", "--inputs", source, "--outputs", result]
        subprocess.run(command, check=True, timeout=TIME_LIMIT_SECONDS)
        with np.load(result) as outputs:
            return dict(outputs)


def by_name(answer, names):
    """An answer is the one output itself, or an object with a member for each output."""
    if isinstance(answer, dict):
        answer = answer.get("outputs", answer)
    if isinstance(answer, dict):
        return {name: np.asarray(answer[name], np.float32) for name in names}
    (name,) = names
    return {name: np.asarray(answer, np.float32)}


def through_score(binary, case, inputs, names):
    with servers.apus_serving(binary, case / "model.onnx") as url:
        request = {"inputs": {name: value.tolist() for name, value in inputs.items()}}
        status, body = servers.post_json(url + "/score", request, TIME_LIMIT_SECONDS)
    if status != 200:
        raise RuntimeError(f"/score answered {status}: {body[:300].decode(errors='replace')}")
    return by_name(json.loads(body), names)


def compare(outputs, expected):
    for name, value in expected.items():
        if outputs[name].shape != value.shape:
            raise AssertionError(f"{name} has shape {outputs[name].shape}, expected {value.shape}")
        np.testing.assert_allclose(outputs[name], value, rtol=RTOL, atol=ATOL, err_msg=name)


def passes(title, outputs_of, expected):
    start = time.monotonic()
    try:
        compare(outputs_of(), expected)
        verdict, passed = "ok", True
    except (AssertionError, KeyError, ValueError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        verdict, passed = f"FAILED: {error}", False
    print(f"{title}: {verdict} ({time.monotonic() - start:.1f} s)", flush=True)
    return passed


def check(binary, case):
    inputs, expected = read_case(case)
    return [
        passes(f"{case.name} through apus run", lambda: through_run(binary, case, inputs), expected),
        passes(f"{case.name} through /score", lambda: through_score(binary, case, inputs, expected), expected),
    ]


def main(binary, folder, wanted):
    cases = [case for case in sorted(folder.iterdir()) if not wanted or case.name.removeprefix("test_light_") in wanted]
    if not cases:
        sys.exit(f"no such network in {folder}: {' '.join(wanted)}")
    results = [passed for case in cases for passed in check(binary, case)]
    print(f"{sum(results)} of {len(results)} agree with the expected outputs")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
