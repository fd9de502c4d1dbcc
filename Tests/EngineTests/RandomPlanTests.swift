import Foundation
import GraphIR
import Interpreter
import Tensors
import TestSupport
import Testing
import TileEmulator
import X86

@testable import Engine

/// Whole plans of random graphs, code generation and memory included, give what the interpreter gives.
///
/// `APUS_FUZZ_CASES` sets how many graphs there are, `APUS_FUZZ_SEED` the only one.
@Suite struct RandomPlanTests {
  private static let onlySeed = ProcessInfo.processInfo.environment["APUS_FUZZ_SEED"].flatMap(Int.init)
  private static let graphCount = ProcessInfo.processInfo.environment["APUS_FUZZ_CASES"].flatMap(Int.init) ?? 2000
  private static let groupCount = 8

  @Test("Plans for AVX2", .enabled(if: InstructionSet.avx2.isHere, "this CPU has no AVX2"), arguments: 0..<groupCount)
  func avx2(group: Int) throws { try check(group, .avx2) }

  @Test(
    "Plans for AVX-512", .enabled(if: InstructionSet.avx512.isHere, "this CPU has no AVX-512"),
    arguments: 0..<groupCount)
  func avx512(group: Int) throws { try check(group, .avx512) }

  /// Every eighth graph.
  private func check(_ group: Int, _ instructionSet: InstructionSet) throws {
    var counts = Counts()
    let all = stride(from: group, to: Self.graphCount, by: Self.groupCount)
    for seed in Self.onlySeed.map({ $0 % Self.groupCount == group ? [$0] : [] }) ?? Array(all) {
      do {
        try check(RandomGraph(seed: seed), "seed \(seed) for \(instructionSet)", instructionSet, &counts)
      } catch {
        Issue.record("seed \(seed) for \(instructionSet): \(error)")
      }
    }
    if ProcessInfo.processInfo.environment["APUS_FUZZ_VERBOSE"] != nil { print("\(instructionSet): \(counts)") }
    // Were most of the work the interpreter's, never cut in two, or excused, the test would show nothing.
    guard counts.graphs >= 10 else { return }
    #expect(counts.kernels > 2 * counts.graphs, "\(counts)")
    #expect(counts.cutKernels > counts.graphs, "\(counts)")
    #expect(counts.interpretedNodes * 2 < counts.kernels, "\(counts)")
    #expect(counts.amplified * 10 < counts.graphs, "\(counts)")
  }

  private struct Counts {
    var graphs = 0
    var kernels = 0
    var cutKernels = 0
    var refusedKernels = 0
    var interpretedNodes = 0
    /// Runs with results that only rounding on the way to them explains.
    var amplified = 0

    mutating func add(_ plan: Plan) {
      graphs += 1
      for step in plan.steps {
        switch step.work {
        case .kernel(let call):
          kernels += 1
          cutKernels += call.unitCount > 1 ? 1 : 0
        case .interpretedKernel: refusedKernels += 1
        case .node: interpretedNodes += 1
        case .view: break
        }
      }
    }
  }

  private func check(
    _ random: RandomGraph, _ name: String, _ instructionSet: InstructionSet, _ counts: inout Counts
  ) throws {
    let machine = Machine(instructionSet)
    let one = PlanCache(random.graph, machine, ThreadUse())
    let two = PlanCache(random.graph, machine, .always(2))
    let (alone, together) = (EvaluationContext(), EvaluationContext(threadCount: 2))
    // The second run finds what the first one left in the arena.
    for (run, tensors) in [random.inputs, random.otherInputs].enumerated() {
      let inputs = tensors.map(RuntimeValue.tensor)
      var agreement = try Agreement(random.graph, inputs)
      let found = try one.run(inputs, alone)
      let plan = try #require(one.plan(for: inputs))
      func text() -> String { "\(name), run \(run)\n\(random.graph.text)\n\(plan.graph.text)\n\(plan.schedule)" }
      if run == 0 {
        counts.add(plan)
        #expect(throws: Never.self, "\(text())") { try plan.schedule.verify() }
      }
      if let difference = try agreement.difference(found) {
        Issue.record("\(difference)\n\(text())")
        return
      }
      counts.amplified += agreement.amplifiedCount > 0 ? 1 : 0
      let cut = try two.run(inputs, together)
      if let number = found.indices.first(where: { found[$0].tensor?.bytes != cut[$0].tensor?.bytes }) {
        Issue.record("output \(number) of one and of two threads differ\n\(text())")
        return
      }
    }
  }
}

extension InstructionSet {
  /// Whether this CPU has it, whatever APUS_CPU says.
  var isHere: Bool { (try? CPU.current()).map { .best(for: $0.features) >= self } ?? false }

  /// Those that kernels are generated for, of this CPU, where tiles may be emulated.
  static var here: [InstructionSet] { runnable }
}

extension ThreadUse {
  /// Cuts every kernel that can be cut, however short.
  static func always(_ count: Int) -> ThreadUse { ThreadUse(count: count, minimumNanoseconds: 0) }
}
