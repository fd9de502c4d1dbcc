"""One peer with one network in a process of its own: worker.py ENGINE MODEL INPUTS.npz THREADS PRECISION

Speaks what `apus bench --interactive` speaks. It loads the model and prints "loaded NANOSECONDS BYTES", BYTES being the
memory that the process held before it imported the engine. Then it answers lines of standard input, until that ends:

    run N        N times of single inferences in nanoseconds, on one line
    write FILE   "written", once the outputs of the last inference are in an .npz file
"""

import sys
import time

import numpy as np


class OnnxRuntime:
    # It has one precision.
    def __init__(self, path, inputs, threads, _):
        import onnxruntime

        start = time.perf_counter_ns()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.load_nanoseconds = time.perf_counter_ns() - start
        # Without a binding, Python's conversions weigh more than a small network.
        self.binding = self.session.io_binding()
        for name, array in inputs.items():
            self.binding.bind_cpu_input(name, array)
        self.names = [output.name for output in self.session.get_outputs()]
        for name in self.names:
            self.binding.bind_output(name, "cpu")

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return dict(zip(self.names, self.binding.copy_outputs_to_cpu()))


class OpenVINO:
    HINTS = {"float32": "f32", "bfloat16": "bf16"}

    def __init__(self, path, inputs, threads, precision):
        import openvino

        start = time.perf_counter_ns()
        options = {
            "INFERENCE_PRECISION_HINT": self.HINTS.get(precision, "f32"),
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            # The others do not pin their threads either.
            "ENABLE_CPU_PINNING": False,
        }
        self.model = openvino.Core().compile_model(path, "CPU", options)
        self.load_nanoseconds = time.perf_counter_ns() - start
        self.request = self.model.create_infer_request()
        for name, array in inputs.items():
            self.request.set_tensor(name, openvino.Tensor(array, shared_memory=True))

    def run(self):
        self.request.infer(share_outputs=True)

    def outputs(self):
        # An output may have the names of several values of the file.
        return {name: self.request.get_tensor(port).data for port in self.model.outputs for name in port.names}


ENGINES = {"onnxruntime": OnnxRuntime, "openvino": OpenVINO}


def resident_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def times(run, count):
    result = []
    for _ in range(count):
        start = time.perf_counter_ns()
        run()
        result.append(time.perf_counter_ns() - start)
    return result


def main(engine, model, inputs, threads, precision):
    with np.load(inputs) as archive:
        arrays = {name: np.ascontiguousarray(archive[name]).reshape(archive[name].shape) for name in archive.files}
    before = resident_bytes()
    network = ENGINES[engine](model, arrays, int(threads), precision)
    print("loaded", network.load_nanoseconds, before, flush=True)
    for line in sys.stdin:
        command, argument = line.split(maxsplit=1)
        if command == "run":
            print(*times(network.run, int(argument)), flush=True)
        else:
            with open(argument.rstrip("\n"), "wb") as file:
                np.savez(file, **network.outputs())
            print("written", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
