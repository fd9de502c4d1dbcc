"""Drives wrk against both servers in turn and prints a table; see `run` beside this file.

The servers take turns within a round (A, B, A, B, ...) and only one of them runs at a time, so that a change of the
machine's speed hits both and neither takes processor time from the other. What is printed is the median over the
rounds. wrk shares the machine with the server that it measures.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import servers
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
FEATURES = np.linspace(-1, 1, 10, dtype=np.float32)
WEIGHTS = np.linspace(0.5, 1.5, 10, dtype=np.float32)
BIAS = np.float32(0.25)
WARM_UP_SECONDS = 1


def write_model(folder):
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["features", "weights"], ["products"]),
            helper.make_node("Add", ["products", "bias"], ["score"]),
        ],
        "one_layer",
        inputs=[helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 10])],
        outputs=[helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        initializer=[
            numpy_helper.from_array(WEIGHTS.reshape(10, 1), "weights"),
            numpy_helper.from_array(BIAS.reshape(1), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "model.onnx")


def azureml(_, folder):
    port = servers.free_port()
    command = [sys.executable, HERE / "azureml_server.py", "--entry_script", HERE / "entry_script.py"]
    # One worker process a core is where it is fastest; its default of one stops at about 2,000 requests/s.
    command += ["--model_dir", folder, "--port", str(port), "--worker_count", str(os.cpu_count())]
    # It looks for its own files, and puts its import path, where it is started: not among ours.
    environment = dict(os.environ, AML_APP_ROOT=str(folder))
    return servers.serving(command, port, environment)


def apus(binary, folder):
    return servers.apus_serving(binary, folder / "model.onnx")


SERVERS = {"azureml": azureml, "apus": apus}


def check_answer(name, url, body):
    """Speed counts only for the right answer."""
    status, answer = servers.request(url + "/score", body.read_bytes(), {"Content-Type": "application/json"})
    if status != 200:
        sys.exit(f"{name} answered {status}: {answer[:300].decode(errors='replace')}")
    score = np.asarray(json.loads(answer), np.float32)
    np.testing.assert_allclose(score, [[FEATURES @ WEIGHTS + BIAS]], rtol=1e-5, err_msg=name)


def wrk(url, body, connections, seconds):
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command += ["--script", HERE / "post.lua", url + "/score"]
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=dict(os.environ, BODY=str(body))
    ).stdout
    result = json.loads(output.strip().splitlines()[-1])
    if result["errors"]:
        sys.exit(f"{url}: {result['errors']} of {result['requests']} requests failed")
    return result


def measure_round(binary, folder, arguments, results):
    body = folder / "body.json"
    for name in arguments.only or SERVERS:
        with SERVERS[name](binary, folder) as url:
            check_answer(name, url, body)
            wrk(url, body, max(arguments.connections), WARM_UP_SECONDS)
            for connections in arguments.connections:
                result = wrk(url, body, connections, arguments.seconds)
                result["rate"] = result["requests"] / result["microseconds"] * 1e6
                results.setdefault((name, connections), []).append(result)


def median(results, key):
    return statistics.median(result[key] for result in results)


def print_table(results, connection_counts):
    print("| connections | server | requests/s | median µs | p99 µs | × azureml |")
    print("|--:|---|--:|--:|--:|--:|")
    for connections in connection_counts:
        for name in SERVERS:
            own, peer = results.get((name, connections)), results.get(("azureml", connections))
            if own is None:
                continue
            rate, p50, p99 = (median(own, key) for key in ("rate", "p50", "p99"))
            ratio = f"{rate / median(peer, 'rate'):.1f}" if peer else ""
            print(f"| {connections} | {name} | {rate:,.0f} | {p50:,.0f} | {p99:,.0f} | {ratio} |")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="run")
    parser.add_argument("binary", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, default=5, help="of one measurement (default 5)")
    parser.add_argument("--rounds", type=int, default=5, help="of both servers (default 5)")
    parser.add_argument(
        "--connections",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[1, 16],
        help="numbers of connections to measure with (default 1,16)",
    )
    parser.add_argument("--only", action="append", choices=SERVERS, help="measure one server alone")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder)
        (folder / "body.json").write_text(json.dumps({"data": [FEATURES.tolist()]}))
        for index in range(arguments.rounds):
            print(f"round {index + 1} of {arguments.rounds}", file=sys.stderr)
            measure_round(arguments.binary, folder, arguments, results)
    print_table(results, arguments.connections)


if __name__ == "__main__":
    main()
