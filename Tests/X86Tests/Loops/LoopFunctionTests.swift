import GraphIR
import KernelIR
import Tensors
import Testing

@testable import X86

/// Elementary functions inside loops: at every width of registers that loops use.
@Suite struct LoopFunctionTests {
  /// What stands around the function, and which registers float32 values take there.
  static let forms = [
    // Whole vectors and a tail.
    "axis j vector 150 loop j { %0 = load 0[i*150 + j] %1 = FUNCTION store 1[i*150 + j] %1 }",
    // A 64-bit value in the nest halves the lanes.
    """
    axis j vector 150 loop j {
      %0 = load 0[i*150 + j] %1 = FUNCTION store 1[i*150 + j] %1 %2 = constant int64 1 store 2[i*150 + j] %2
    }
    """,
    // No vector axis: 128 bits.
    "axis j serial 150 loop j { %0 = load 0[i*150 + j] %1 = FUNCTION store 1[i*150 + j] %1 }",
  ]

  static let calls =
    UnaryFunction.allCases.filter { LoopEmitter.hasMathematics($0) }.map { "\($0) %0" }
    + ["power %0 %0", "arcTangent2 %0 %0"]

  @Test("Functions agree with the interpreter's", arguments: LoopCodeTests.sets, calls)
  func functions(set: InstructionSet, call: String) throws {
    let region = try CodeRegion(capacity: 1 << 20, perf: nil)
    for form in Self.forms {
      let text = """
        kernel function buffer 0 read float32 buffer 1 write float32 buffer 2 write int64 axis i parallel
        \(form.replacing("FUNCTION", with: call))
        """
      let kernel = try LoopKernel(parsing: text)
      let function: KernelRun.Function = try region.add(
        name: "function", LoopCompiler.compile(kernel, set)
      ).function()
      let count = 300
      let input = GuardedMemory(byteCount: count * 4)
      for index in 0..<count {
        let special: [Float] = [.nan, .infinity, -.infinity, 0, -0.0, 0x1p-140, 100, -100]
        let value = index < special.count ? special[index] : (Float(index) - 150) / 20
        input.base.storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
      }
      let run = KernelRun(
        kernel: kernel, inputs: [input, input, input], sizes: [count, count, count], firstExtent: 2)
      let interpreter = try LoopInterpreter(kernel)
      let expected = run.outputs(pieces: 1) { interpreter.run(arguments: $0, begin: $1, end: $2, scratch: $3) }
      let found = run.outputs(pieces: 1) { function($0, $1, $2, $3) }
      let difference = KernelRun.difference(.float32, expected[1]!, found[1]!, tolerance: 5e-7)
      #expect(difference == nil, "\(form)")
    }
  }
}
