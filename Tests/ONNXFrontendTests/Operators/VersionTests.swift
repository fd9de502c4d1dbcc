import Tensors
import Testing

@testable import ONNXFrontend

/// Operators whose meaning changed between versions.
@Suite struct VersionTests {
  /// 0, 1, 2 … in the shape [2, 2, 3]
  private let ramp = Tensor([2, 2, 3], (0..<12).map(Float.init))

  @Test(arguments: ["Softmax", "Hardmax"]) func softmaxFlattenedUntilVersion13(type: String) throws {
    let old = try OperatorModel(type, version: 11, .int("axis", 1))(ramp)
    let flat = try OperatorModel(type, version: 13)(ramp.reshaped([2, 6]))
    #expect(distance(old, flat) < 1e-6)
    let new = try OperatorModel(type, version: 13, .int("axis", 1))(ramp)
    #expect(distance(old, new) > 0.1)
  }

  @Test func groupNormalizationScaledGroupsUntilVersion21() throws {
    var numbers = SeededNumbers(seed: 1)
    let x = numbers.floats(2, 4, 3)
    let (scale, bias) = (Tensor([2], [2, 3] as [Float]), Tensor([2], [0.5, -1] as [Float]))
    let old = try OperatorModel("GroupNormalization", version: 18, .int("num_groups", 2))(x, scale, bias)
    let (scales, biases) = (Tensor([4], [2, 2, 3, 3] as [Float]), Tensor([4], [0.5, 0.5, -1, -1] as [Float]))
    let new = try OperatorModel("GroupNormalization", version: 21, .int("num_groups", 2))(x, scales, biases)
    #expect(distance(old, new) < 1e-6)
  }

  @Test func batchNormalizationTrainedByItsOutputsUntilVersion14() throws {
    let vector = Tensor([2], [1, 1] as [Float])
    let zeros = Tensor([2], [0, 0] as [Float])
    let served = try OperatorModel("BatchNormalization", version: 9)(ramp, vector, zeros, zeros, vector)
    #expect(distance(served, (0..<12).map { Float($0) / (1 + 1e-5).squareRoot() }) < 1e-4)
    let trained = try OperatorModel("BatchNormalization", version: 9, outputs: 5).run(
      ramp, vector, zeros, zeros, vector)
    #expect(trained.count == 5)
    #expect(trained[3].elements(of: Float.self) == [4, 7], "the batch's own mean")
    let current = try OperatorModel("BatchNormalization", version: 15, outputs: 3, .int("training_mode", 1)).run(
      ramp, vector, zeros, zeros, vector)
    #expect(distance(current[0].elements(of: Float.self), trained[0].elements(of: Float.self)) < 1e-6)
  }

  /// The nearest pixel of an axis that shrinks is the one after in version 10, and the one before ever since.
  @Test func resize10RoundsUpWhereItShrinks() throws {
    let x = Tensor([1, 1, 1, 4], [1, 2, 3, 4] as [Float])
    let wider = Tensor([4], [1, 1, 1, 1.5] as [Float])
    let narrower = Tensor([4], [1, 1, 1, 0.6] as [Float])
    #expect(try OperatorModel("Upsample", version: 9)(x, wider) == [1, 1, 2, 3, 3, 4])
    #expect(try OperatorModel("Resize", version: 10)(x, constants: [1: wider]) == [1, 1, 2, 3, 3, 4])
    #expect(try OperatorModel("Resize", version: 10)(x, constants: [1: narrower]) == [1, 3])
  }

  @Test func dropoutServesEveryElement() throws {
    for version in [1, 6, 7, 10, 12, 22] {
      #expect(try OperatorModel("Dropout", version: version)(ramp) == ramp.elements(of: Float.self))
    }
  }
}
