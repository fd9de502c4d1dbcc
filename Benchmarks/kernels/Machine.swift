import Glibc
import KernelIR
import X86

typealias KernelFunction = @convention(c) (UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer) -> Void

/// Where kernels run, and what one core can do.
struct Machine {
  static let rounds = 30
  let instructionSet: InstructionSet
  let region: CodeRegion
  let peaks: MachinePeaks

  init(_ instructionSet: InstructionSet) throws {
    self.instructionSet = instructionSet
    region = try CodeRegion()
    peaks = try MachinePeaks.measure(instructionSet)
  }

  /// Seconds of each job, sorted.
  func takeTurns(_ jobs: [Job]) -> [[Double]] {
    var repeats = jobs.map { _ in 1 }
    for (number, job) in jobs.enumerated() {
      while seconds({ job.run(repeats[number]) }) < 0.003 { repeats[number] *= 2 }
    }
    var times = jobs.map { _ in [Double]() }
    for _ in 0..<Self.rounds {
      for (number, job) in jobs.enumerated() {
        times[number].append(seconds { job.run(repeats[number]) } / Double(repeats[number]))
      }
    }
    return times.map { $0.sorted() }
  }
}

/// A kernel that is ready to run. Its memory is kept as long as the process.
struct Job {
  let kernel: MeasuredKernel
  let buildSeconds: Double
  private let function: KernelFunction
  /// Those of the kernel, then the number of the phase.
  private let arguments: UnsafeMutablePointer<UInt64>
  private let argumentCount: Int
  private let units: Int
  private let phaseCount: Int
  private let scratch: UnsafeMutableRawPointer

  init(_ kernel: MeasuredKernel, _ machine: Machine) throws {
    self.kernel = kernel
    let start = now()
    let compiled = try ContractionCompiler(instructionSet: machine.instructionSet).compile(kernel.kernel)
    buildSeconds = now() - start
    function = try machine.region.add(name: compiled.name, compiled.code).function(as: KernelFunction.self)
    units = compiled.units.count(parameters: kernel.parameters)
    phaseCount = compiled.phases?.count(parameters: kernel.parameters) ?? 1
    scratch = .allocate(byteCount: compiled.scratchByteCount + 64, alignment: 64)
    let packer = Packer(instructionSet: machine.instructionSet)
    let entries = kernel.buffers.enumerated().map { position, count -> UInt64 in
      let buffer = UnsafeMutableRawPointer.allocate(byteCount: count * 4 + 64, alignment: 64)
        .assumingMemoryBound(to: Float.self)
      // Small numbers: states of recurrent cells stay in range.
      for index in 0..<count { buffer[index] = Float((index &* 2_654_435_761) & 1023) / 10_240 - 0.05 }
      guard let packed = kernel.packed, packed.buffer == position else { return UInt64(UInt(bitPattern: buffer)) }
      return UInt64(UInt(bitPattern: packer.pack(packed.packing, from: buffer).baseAddress))
    }
    let all = entries + kernel.parameters.map { UInt64($0) } + [0]
    argumentCount = all.count - 1
    arguments = .allocate(capacity: all.count)
    arguments.update(from: all, count: all.count)
  }

  func run(_ repeats: Int) {
    let phase = arguments + argumentCount
    for _ in 0..<repeats {
      for number in 0..<phaseCount {
        phase.pointee = UInt64(number)
        function(arguments, 0, units, scratch)
      }
    }
  }
}

func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func seconds(_ body: () -> Void) -> Double {
  let start = now()
  body()
  return now() - start
}

func rounded(_ value: Double, _ digits: Int) -> String {
  let factor = pow(10, Double(digits))
  let number = (value * factor).rounded() / factor
  return digits == 0 ? String(Int(number)) : String(number)
}

/// The first column to the left, the others to the right.
func row(_ name: String, _ cells: String...) -> String {
  name + String(repeating: " ", count: max(1, 44 - name.count))
    + cells.map { String(repeating: " ", count: max(1, 13 - $0.count)) + $0 }.joined()
}
