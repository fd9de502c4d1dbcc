"""Measures the networks of networks.py with each engine and prints a table; see ../compare.

Every engine has each network in a process of its own. The engines take turns in short bursts, so that a change of the
machine's speed hits all of them, and only one computes at a time. The first inference of a burst is left out: it finds
the caches filled by another engine and the threads asleep. Inputs and outputs stay where the engine wants them; what is
timed is one inference, from a call to its return.

    ms       median over all bursts; on a machine that others use too, `chrt --rr 1 Benchmarks/compare`, as root,
             keeps them off the processors, and --percentile 5 is steadier
    load     from the file to a model that can be run, median over several processes; importing the engine not counted
    first    load and the first inference after it
    peak     the most memory that the process had, without that of Python and NumPy
    diff     largest |output - onnxruntime's| as a share of the largest |onnxruntime's|, over all outputs
    cos      with another precision than float32: the least cosine of the angle between an output and onnxruntime's

With --precision bfloat16, apus and OpenVINO run at it; onnxruntime has float32 alone and stays what outputs are held
against.
"""

import argparse
import contextlib
import json
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from engines import Engine, EngineFailure
from networks import NETWORKS, Unavailable, prepare

ENGINES = ["apus", "onnxruntime", "openvino"]
PEERS = ENGINES[1:]
SHORT = {"apus": "apus", "onnxruntime": "ort", "openvino": "ov"}
REFERENCE = "onnxruntime"
PRECISIONS = ["float32", "fast", "bfloat16"]

BURST_SECONDS = 0.15
MAXIMUM_BURST = 20_000
# A thread that waits for more work by spinning gives up within that time.
SETTLE_SECONDS = 0.02
# Loops that are split between all cores wait for the one that is taken away.
TOLERATED_FOREIGN_LOAD = 0.03


# --- Measuring ------------------------------------------------------------------------------------------------------


def measure(name, arguments):
    """Engine to figures; an engine that fails has an `error` alone."""
    folder = prepare(name)
    results = {engine: {"load": [], "first": []} for engine in arguments.engines}
    for _ in range(arguments.starts - 1):
        for engine in arguments.engines:
            if "error" not in results[engine]:
                with contextlib.suppress(EngineFailure), started(engine, folder, arguments, results[engine]):
                    pass
    with contextlib.ExitStack() as stack:
        running = {}
        for engine in arguments.engines:
            if "error" not in results[engine]:
                with contextlib.suppress(EngineFailure):
                    process = started(engine, folder, arguments, results[engine])
                    running[engine] = stack.enter_context(process)
        take_turns(running, results, arguments.seconds)
        add_differences(running, results)
        for engine, process in running.items():
            results[engine]["peak_bytes"] = process.peak_bytes()
    return {engine: summary(result, arguments.percentile) for engine, result in results.items()}


def started(engine, folder, arguments, result):
    """A new process that has run once. What it cost is added to `result`, and why it failed."""
    try:
        process = Engine(engine, arguments.apus, folder, arguments.threads, arguments.precision)
        first = process.run(1)[0]
    except EngineFailure as failure:
        result["error"] = str(failure)
        raise
    result["load"].append(process.load_nanoseconds)
    result["first"].append(process.load_nanoseconds + first)
    return process


def take_turns(running, results, seconds):
    bursts = {engine: burst_length(process) for engine, process in running.items()}
    used = dict.fromkeys(running, 0)
    for engine in running:
        results[engine]["times"] = []
    while waiting := [engine for engine in running if used[engine] < seconds]:
        for engine in waiting:
            time.sleep(SETTLE_SECONDS)
            times = running[engine].run(bursts[engine])
            results[engine]["times"] += times[1:]
            used[engine] += sum(times) / 1e9


def burst_length(process):
    time.sleep(SETTLE_SECONDS)
    fastest = min(process.run(3)) / 1e9
    return min(max(math.ceil(BURST_SECONDS / fastest), 1), MAXIMUM_BURST) + 1


def summary(result, percentile):
    if "error" in result:
        return {"error": result["error"]}
    times = result["times"]
    figures = {"milliseconds": float(np.percentile(times, percentile)) / 1e6}
    figures |= {"median_milliseconds": statistics.median(times) / 1e6, "fastest_milliseconds": min(times) / 1e6}
    figures |= {"inferences": len(times), "peak_bytes": result["peak_bytes"]}
    figures |= {f"{key}_milliseconds": statistics.median(result[key]) / 1e6 for key in ("load", "first")}
    return figures | {key: result[key] for key in ("difference", "cosine") if key in result}


class ForeignLoad:
    """The share of the machine's processor time that processes other than ours and our engines' took."""

    def __init__(self):
        self.start = self.read()

    @staticmethod
    def read():
        """Seconds for which the processors were at work, and of these for us."""
        # user, nice, system, idle, iowait, irq, softirq, steal: proc_stat(5).
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        own = os.times()
        return busy, own.user + own.system + own.children_user + own.children_system, own.elapsed

    def share(self):
        busy, own, elapsed = (now - then for now, then in zip(self.read(), self.start))
        return max(0, busy - own) / (elapsed * os.cpu_count())


# --- Outputs --------------------------------------------------------------------------------------------------------


def add_differences(running, results):
    if REFERENCE not in running:
        return
    outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        for engine, process in running.items():
            path = Path(folder) / f"{engine}.npz"
            process.write_outputs(path)
            with np.load(path, allow_pickle=False) as archive:
                outputs[engine] = dict(archive)
    for engine in running:
        if engine != REFERENCE:
            pairs = [(outputs[engine].get(name), value) for name, value in outputs[REFERENCE].items()]
            results[engine]["difference"] = max(difference(value, expected) for value, expected in pairs)
            results[engine]["cosine"] = min(cosine(value, expected) for value, expected in pairs)


def difference(value, expected):
    if value is None or value.shape != expected.shape:
        return math.inf
    if expected.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(value, expected) else math.inf
    value, expected = value.astype(np.float64), expected.astype(np.float64)
    if not np.array_equal(np.isfinite(value), np.isfinite(expected)):
        return math.inf
    finite = np.isfinite(expected)
    largest = np.abs(expected[finite]).max(initial=0)
    distance = np.abs(value[finite] - expected[finite]).max(initial=0)
    return float(distance / largest) if largest else (0.0 if distance == 0 else math.inf)


def cosine(value, expected):
    if value is None or value.shape != expected.shape:
        return 0.0
    if expected.dtype.kind != "f":
        return 1.0 if np.array_equal(value, expected) else 0.0
    value, expected = value.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    lengths = np.linalg.norm(value) * np.linalg.norm(expected)
    return float(value @ expected / lengths) if lengths else float(np.array_equal(value, expected))


# --- Printing -------------------------------------------------------------------------------------------------------

FIGURES = [
    ("ms", "milliseconds", lambda value: f"{value:.3g}" if value < 100 else f"{value:.0f}"),
    ("load ms", "load_milliseconds", lambda value: f"{value:.0f}" if value >= 10 else f"{value:.1f}"),
    ("first ms", "first_milliseconds", lambda value: f"{value:.0f}" if value >= 10 else f"{value:.1f}"),
    ("peak MiB", "peak_bytes", lambda value: f"{value / 2**20:.0f}"),
]

ACCURACIES = [
    ("diff", "difference", lambda value: f"{value:.1e}"),
    ("cos", "cosine", lambda value: f"{value:.6f}"),
]


def ratio(result, peer, key="milliseconds"):
    """How many times the figure of apus the peer's is; None where one of the two is missing."""
    own, other = (result.get(engine, {}).get(key) for engine in ("apus", peer))
    return other / own if own and other else None


def geometric_mean(values):
    values = [value for value in values if value]
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def show(value, text=lambda value: f"{value:.2f}"):
    return "-" if value is None else text(value)


def compared(engines):
    return [peer for peer in PEERS if peer in engines and "apus" in engines]


def header(engines, accuracies):
    """Each title, with the engines that its figures are of, in order."""
    names = "/".join(SHORT[engine] for engine in engines)
    titles = ["network", f"ms {names}"] + [f"{SHORT[peer]}/apus" for peer in compared(engines)]
    titles += [f"{title} {names}" for title, _, _ in FIGURES[1:]]
    others = [engine for engine in engines if engine != REFERENCE]
    return titles + [f"{title} {SHORT[engine]}" for title, _, _ in accuracies for engine in others]


def row(name, result, engines, accuracies):
    cells = [
        " / ".join(show(result[engine].get(key), text) for engine in engines) for _, key, text in FIGURES
    ]
    ratios = [show(ratio(result, peer)) for peer in compared(engines)]
    others = [engine for engine in engines if engine != REFERENCE]
    distances = [show(result[engine].get(key), text) for _, key, text in accuracies for engine in others]
    return [name, cells[0], *ratios, *cells[1:], *distances]


def mean_row(results, engines, accuracies):
    ratios = [show(geometric_mean(ratio(result, peer) for result in results.values())) for peer in compared(engines)]
    means = [
        " / ".join(
            show(geometric_mean(ratio(result, peer, key) for result in results.values())) for peer in compared(engines)
        )
        for _, key, _ in FIGURES[1:]
    ]
    return ["geometric mean of ratios", "", *ratios, *means] + [""] * len(accuracies) * sum(
        engine != REFERENCE for engine in engines
    )


def table(results, engines, precision):
    accuracies = ACCURACIES[: 1 if precision == "float32" else 2]
    rows = [row(name, result, engines, accuracies) for name, result in results.items()]
    rows += [mean_row(results, engines, accuracies)] if compared(engines) else []
    rows = [header(engines, accuracies), *rows]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    lines = []
    for cells in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(cells, widths))
        lines.append("| " + " | ".join([first.strip().ljust(widths[0]), *rest]) + " |")
    rule = "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def remarks(results, skipped, engines):
    for name, reason in skipped.items():
        yield f"{name} is left out: {reason}"
    for name, result in results.items():
        for engine, figures in result.items():
            if "error" in figures:
                yield f"{engine} does not run {name}: {figures['error'][:200]}"
    if set(PEERS) <= set(compared(engines)):
        best = {name: [ratio(result, peer) for peer in PEERS] for name, result in results.items()}
        worst = {name: min(filter(None, ratios)) for name, ratios in best.items() if any(ratios)}
        if worst:
            name = min(worst, key=worst.get)
            yield f"The lowest ratio to the faster peer is {worst[name]:.2f}, for {name}."


# --- Command line ---------------------------------------------------------------------------------------------------


def listed(known):
    def parse(text):
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are: {', '.join(known)}")
        return names

    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=listed(NETWORKS), default=list(NETWORKS), help="names; all without it")
    parser.add_argument("--engines", type=listed(ENGINES), default=ENGINES, help=f"of {','.join(ENGINES)}")
    parser.add_argument("--only-apus", dest="engines", action="store_const", const=["apus"], help="no peers")
    parser.add_argument("--threads", type=int, default=2, help="of each engine (default 2)")
    parser.add_argument("--seconds", type=float, default=3, help="of inferences for each engine and network (3)")
    parser.add_argument("--percentile", type=float, default=50, help="of the times, for the table (50: the median)")
    parser.add_argument("--starts", type=int, default=3, help="processes whose load time is measured (3)")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of apus and OpenVINO (float32)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--apus", type=Path, metavar="BINARY", help="built from the sources without it")
    parser.add_argument("--prepare", action="store_true", help="make the networks in .build-corpus and stop")
    return parser.parse_args()


def prepare_all(names):
    for name in names:
        try:
            print(prepare(name))
        except Unavailable as reason:
            print(f"{name} is left out: {reason}")


def main():
    arguments = parse_arguments()
    if arguments.prepare:
        return prepare_all(arguments.models)
    results, skipped = {}, {}
    foreign_load = ForeignLoad()
    for name in arguments.models:
        print(name, file=sys.stderr, flush=True)
        try:
            results[name] = measure(name, arguments)
        except Unavailable as reason:
            skipped[name] = str(reason)
    engines = [engine for engine in ENGINES if engine in arguments.engines]
    print(table(results, engines, arguments.precision))
    share = foreign_load.share()
    for remark in remarks(results, skipped, engines):
        print(remark)
    if share > TOLERATED_FOREIGN_LOAD:
        print(f"Other processes took {share:.0%} of the processors' time: repeat this on an idle machine,")
        print("or as root under `chrt --rr 1`, which keeps them off the processors during a burst.")
    if arguments.json:
        figures = {"threads": arguments.threads, "precision": arguments.precision, "foreign_load": share}
        figures |= {"networks": results, "skipped": skipped}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
