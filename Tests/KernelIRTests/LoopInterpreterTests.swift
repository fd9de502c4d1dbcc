import Foundation
import KernelIR
import Testing

@Suite struct LoopInterpreterTests {
  /// Runs units of a kernel on arrays; the last arrays are the results.
  func run<Result: BitwiseCopyable>(
    _ text: String, units: Range<Int>, _ inputs: [[any BitwiseCopyable]], resultCount: Int, _ type: Result.Type,
    initial: Result
  ) throws -> [Result] {
    let kernel = try LoopKernel(parsing: text)
    let interpreter = try LoopInterpreter(kernel)
    var arguments: [UnsafeMutableRawPointer] = []
    defer { for argument in arguments { argument.deallocate() } }
    for input in inputs {
      let size = input.first.map { MemoryLayout.size(ofValue: $0) } ?? 1
      let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, size * input.count), alignment: 64)
      for (index, element) in input.enumerated() { memory.storeBytes(of: element, at: index) }
      arguments.append(memory)
    }
    let results = UnsafeMutablePointer<Result>.allocate(capacity: resultCount)
    defer { results.deallocate() }
    results.initialize(repeating: initial, count: resultCount)
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: kernel.scratchSizeInBytes + 1, alignment: 64)
    defer { scratch.deallocate() }
    var entries = arguments.map { Int(bitPattern: $0) }
    entries.append(Int(bitPattern: results))
    entries.append(units.upperBound)
    entries.withUnsafeBytes {
      interpreter.run(arguments: $0.baseAddress!, begin: units.lowerBound, end: units.upperBound, scratch: scratch)
    }
    return Array(UnsafeBufferPointer(start: results, count: resultCount))
  }

  @Test("Softmax") func softmax() throws {
    let x: [Float] = [1, 2, 3, 4, 5, -1, 0, 0, 0, 88]
    let y = try run(SampleKernels.softmax, units: 0..<2, [x], resultCount: 10, Float.self, initial: .nan)
    for row in 0..<2 {
      let exponentials = x[row * 5..<row * 5 + 5].map { exp(Double($0)) }
      let sum = exponentials.reduce(0, +)
      for (found, expected) in zip(y[row * 5..<row * 5 + 5], exponentials) {
        #expect(abs(Double(found) - expected / sum) < 1e-7)
      }
    }
  }

  @Test("Windows over the border take what stands in for the elements that are not there")
  func pool() throws {
    // 4 positions of 2 channels.
    let x: [Float] = [1, -1, 2, -2, 3, -3, 4, -4]
    let y = try run(SampleKernels.pool, units: 0..<2, [x], resultCount: 4, Float.self, initial: .nan)
    #expect(y == [2, -1, 4, -2])
  }

  @Test("Units that are not asked for are not done")
  func units() throws {
    let x: [Float] = [1, -1, 2, -2, 3, -3, 4, -4]
    let y = try run(SampleKernels.pool, units: 1..<2, [x], resultCount: 4, Float.self, initial: 9)
    #expect(y == [9, 9, 4, -2])
  }

  @Test("Carried values, positions from data, scratch memory, wrapping stores")
  func gatheredSums() throws {
    let positions: [Int64] = [2, 0, 1, 2]
    let table: [UInt8] = [0, 10, 0, 20, 0, 255]
    let y = try run(
      SampleKernels.gatheredSums, units: 0..<1, [positions, table], resultCount: 4, Int16.self, initial: 0)
    #expect(y == [540, 285, 265, 255])
  }
}

extension UnsafeMutableRawPointer {
  /// Element `index` of an array of such elements.
  fileprivate func storeBytes<Element: BitwiseCopyable>(of element: Element, at index: Int) {
    storeBytes(of: element, toByteOffset: index * MemoryLayout<Element>.stride, as: Element.self)
  }
}
