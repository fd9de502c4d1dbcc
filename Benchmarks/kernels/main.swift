// Generated contractions, one core, against what the core can do: `Benchmarks/kernels/run [part of a name …]`.

import Glibc
import KernelIR
import X86

let instructionSet = try InstructionSet.current()
guard instructionSet > .interpreter else {
  print("This CPU lacks AVX2: there is no generated code to measure.")
  exit(69)
}
let wanted = CommandLine.arguments.dropFirst()
let machine = try Machine(instructionSet)
print(
  """
  \(instructionSet), one core: \(rounded(machine.peaks.gigaflopsPerSecond, 0)) GFLOP/s of multiply-adds, \
  \(rounded(machine.peaks.gigabytesPerSecond, 0)) GB/s of a copy. The best and the median of \(Machine.rounds) rounds; the
  kernels take turns, so that what else the machine does hits all of them.

  """)

var jobs: [Job] = []
for measured in MeasuredKernel.all
where wanted.isEmpty || wanted.contains(where: { measured.name.contains($0) }) {
  jobs.append(try Job(measured, machine))
}
let times = machine.takeTurns(jobs)
print(row("kernel", "best GFLOP/s", "of peak", "median", "µs", "GB/s", "build ms"))
for (job, times) in zip(jobs, times) {
  let (best, median) = (times[0], times[times.count / 2])
  print(
    row(
      job.kernel.name, rounded(job.kernel.flops / best / 1e9, 0),
      rounded(job.kernel.flops / best / machine.peaks.gigaflopsPerSecond / 1e7, 0) + " %",
      rounded(job.kernel.flops / median / machine.peaks.gigaflopsPerSecond / 1e7, 0) + " %", rounded(best * 1e6, 1),
      rounded(job.kernel.bytes / best / 1e9, 0), rounded(job.buildSeconds * 1e3, 1)))
}
