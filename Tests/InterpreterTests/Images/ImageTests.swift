import GraphIR
import Interpreter
import Tensors
import Testing

/// The operand of a golden case: the same formula as in scripts/python/image_goldens.py.
private func golden(_ shape: Shape, _ type: String = "float32") -> Tensor {
  let raw = (0..<shape.elementCount).map { $0 * 7919 % 101 }
  return type == "uint8"
    ? Tensor(shape, raw.map(UInt8.init)) : Tensor(shape, raw.map { Float(Double($0) / 10 - 5) })
}

/// One line of goldens.
private struct GoldenCase: CustomTestStringConvertible, Sendable {
  let fields: [String]
  let testDescription: String

  static func all(_ text: String) -> [GoldenCase] {
    text.split(separator: "\n").map { line in
      GoldenCase(
        fields: line.split(separator: ";", omittingEmptySubsequences: false).map(String.init),
        testDescription: String(line.prefix(120)))
    }
  }

  func integers(_ field: Int) -> [Int] { fields[field].split(separator: " ").compactMap { Int($0) } }
  func floats(_ field: Int) -> [Float] { fields[field].split(separator: " ").compactMap { Float($0) } }
  func flag(_ field: Int) -> Bool { fields[field] == "1" }

  /// round_prefer_floor → roundPreferFloor
  func name(_ field: Int) -> String {
    let words = fields[field].split(separator: "_")
    return words.dropFirst().reduce(String(words[0])) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
  }
}

/// [N, C, spatial…] → [N, spatial…, C]
private func channelsLast(_ x: Tensor) -> Tensor {
  let (batch, channels) = (x.shape[0], x.shape[1])
  let pixels = x.elementCount / batch / channels
  let numbers = x.elements(of: Float.self)
  let moved = (0..<x.elementCount).map { index in
    let (image, pixel, channel) = (index / channels / pixels, index / channels % pixels, index % channels)
    return numbers[(image * channels + channel) * pixels + pixel]
  }
  return Tensor(Shape([batch] + Array(x.shape.dimensions[2...]) + [channels]), moved)
}

@Suite("images")
struct ImageTests {
  @Test("resize gives what ONNX's reference gives", arguments: GoldenCase.all(ImageGoldens.resize))
  fileprivate func resize(golden test: GoldenCase) throws {
    let sizes = test.fields[3] == "sizes"
    let coordinates =
      test.fields[7] == "tf_crop_and_resize" ? .cropAndResize : Resize.Coordinates(rawValue: test.name(7))
    let resize = try Resize(
      axes: test.integers(2), parametersAreSizes: sizes, mode: #require(Resize.Mode(rawValue: test.fields[6])),
      coordinates: #require(coordinates), rounding: #require(Resize.Rounding(rawValue: test.name(8))),
      cubicCoefficient: test.floats(9)[0], excludesOutside: test.flag(10), extrapolationValue: 2.5,
      antialias: test.flag(11), aspectRatio: #require(Resize.AspectRatio(rawValue: test.name(12))))
    let numbers = test.floats(4)
    let parameters = sizes ? Tensor([numbers.count], numbers.map { Int64($0) }) : Tensor([numbers.count], numbers)
    let x = golden(Shape(test.integers(1)), test.fields[0])
    let region = test.floats(5)
    let found =
      try region.isEmpty
      ? Primitive(.resize(resize))(x, parameters)
      : Primitive(.resize(resize))(x, parameters, Tensor([region.count], region))
    #expect(found.shape.dimensions == test.integers(13))
    #expect(found.elementType == x.elementType)
    let values = try found.converted(to: .float32).elements(of: Float.self)
    #expect(difference(values, test.floats(14).map(Double.init)) < 2e-5)
  }

  @Test("an identity, an empty image and a larger one")
  func resizeEdges() throws {
    let linear = Resize(axes: [1, 2], parametersAreSizes: true, mode: .linear, coordinates: .halfPixel)
    func sizes(_ h: Int64, _ w: Int64) -> Tensor { Tensor([2], [h, w]) }
    let x = golden([1, 3, 4, 2])
    #expect(try Primitive(.resize(linear))(x, sizes(3, 4)).elements(of: Float.self) == x.elements())
    #expect(try Primitive(.resize(linear))(x, sizes(0, 4)).shape == [1, 0, 4, 2])
    let empty = try Primitive(.resize(linear))(Tensor(.float32, [0, 3, 4, 2]), sizes(6, 8))
    #expect(empty.shape == [0, 6, 8, 2])
    #expect(throws: EvaluationError.self) {
      try Primitive(.resize(linear))(Tensor(.float32, [1, 0, 4, 2]), sizes(6, 8))
    }
    // Threads take part from a million operations on; results are the same.
    let large = golden([1, 64, 64, 16])
    let one = try Primitive(.resize(linear))(large, sizes(150, 150)).elements(of: Float.self)
    #expect(try Primitive(.resize(linear), threadCount: 2)(large, sizes(150, 150)).elements() == one)
  }

  @Test("TensorFlow's half pixel for nearest neighbours")
  func halfPixelForNearest() throws {
    let resize = Resize(
      axes: [0], parametersAreSizes: true, mode: .nearest, coordinates: .tfHalfPixelForNearest, rounding: .floor)
    let found = try Primitive(.resize(resize))(Tensor([4], [0, 1, 2, 3] as [Int64]), Tensor([1], [2] as [Int64]))
    #expect(found.elements() == [1, 3] as [Int64])
  }

  @Test("resize parameters that do not fit are errors")
  func resizeErrors() {
    let x = golden([1, 3, 4, 2])
    func resize(_ parameters: Tensor, axes: [Int] = [1, 2], _ region: Tensor? = nil) throws {
      let resize = Resize(
        axes: axes, parametersAreSizes: parameters.elementType == .int64, mode: .cubic,
        coordinates: region == nil ? .halfPixel : .cropAndResize, antialias: true)
      let operands = [x, parameters] + (region.map { [$0] } ?? [])
      _ = try Primitive(.resize(resize)).results(operands.map(RuntimeValue.tensor))
    }
    #expect(throws: EvaluationError.self) { try resize(Tensor([1], [3] as [Int64])) }
    #expect(throws: EvaluationError.self) { try resize(Tensor([2], [3, -1] as [Int64])) }
    #expect(throws: EvaluationError.self) { try resize(Tensor([2], [3, .max] as [Int64])) }
    #expect(throws: EvaluationError.self) { try resize(Tensor([2], [1, 0] as [Float])) }
    #expect(throws: EvaluationError.self) { try resize(Tensor([2], [1, .nan] as [Float])) }
    #expect(throws: EvaluationError.self) { try resize(Tensor([2], [1, .infinity] as [Float])) }
    #expect(throws: EvaluationError.self) { try resize(Tensor([2], [3, 3] as [Int64]), axes: [1, 4]) }
    #expect(throws: EvaluationError.self) { try resize(Tensor([2], [3, 3] as [Int64]), axes: [1, 1]) }
    #expect(throws: EvaluationError.self) {
      try resize(Tensor([2], [3, 3] as [Int64]), Tensor([2], [0, 1] as [Float]))
    }
    #expect(throws: EvaluationError.self) {
      try resize(Tensor([2], [3, 3] as [Int64]), Tensor([4], [0, 0, 1, .nan] as [Float]))
    }
    #expect(throws: Never.self) { try resize(Tensor([2], [1e-30, 1] as [Float])) }
    #expect(throws: EvaluationError.self) {
      try resize(Tensor([2], [3, 3] as [Int64]), Tensor([4], [0, 0, 1, .greatestFiniteMagnitude] as [Float]))
    }
  }

  @Test("grid samples are what ONNX's reference gives", arguments: GoldenCase.all(ImageGoldens.gridSample))
  fileprivate func gridSample(golden test: GoldenCase) throws {
    let sample = try GridSample(
      mode: #require(GridSample.Mode(rawValue: test.fields[1])),
      padding: #require(GridSample.Padding(rawValue: test.fields[2])), alignsCorners: test.flag(3))
    let x = channelsLast(golden(Shape(test.integers(0))))
    let found = try Primitive(.gridSample(sample))(x, Tensor(Shape(test.integers(4)), test.floats(5)))
    #expect(found.shape.dimensions == test.integers(6))
    #expect(difference(found.elements(), test.floats(7).map(Double.init)) < 1e-4)
  }

  @Test(
    "coordinates that are no numbers or far away are harmless", arguments: [GridSample.Mode.nearest, .linear, .cubic],
    [GridSample.Padding.zeros, .border, .reflection])
  func wildGrids(mode: GridSample.Mode, padding: GridSample.Padding) throws {
    let places: [Float] = [.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -1e30, 1e9, 0, -1]
    for alignsCorners in [true, false] {
      for extent in [1, 3] {
        let sample = GridSample(mode: mode, padding: padding, alignsCorners: alignsCorners)
        let found = try Primitive(.gridSample(sample))(
          golden([1, extent, 1]), Tensor([1, places.count, 1], places))
        #expect(found.shape == [1, places.count, 1])
        let numbers = found.elements(of: Float.self)
        #expect(numbers.allSatisfy { $0.isFinite })
      }
    }
  }

  @Test("aligned regions are what ONNX's reference gives", arguments: GoldenCase.all(ImageGoldens.roiAlign))
  fileprivate func roiAlign(golden test: GoldenCase) throws {
    let size = test.integers(7)
    let align = RoiAlign(
      outputHeight: size[0], outputWidth: size[1], samplingRatio: test.integers(5)[0],
      spatialScale: test.floats(6)[0], maximum: test.fields[3] == "max", halfPixel: test.flag(4))
    let batch = test.integers(2).map(Int64.init)
    let found = try Primitive(.roiAlign(align))(
      channelsLast(golden(Shape(test.integers(0)))), Tensor([batch.count, 4], test.floats(1)),
      Tensor([batch.count], batch))
    #expect(found.shape.dimensions == test.integers(8))
    #expect(difference(found.elements(), test.floats(9).map(Double.init)) < 1e-4)
  }

  @Test("regions that do not fit are errors")
  func roiErrors() {
    let x = golden([1, 4, 4, 2])
    func align(_ boxes: [Float], _ index: Int64 = 0, ratio: Int = 0, height: Int = 2) throws {
      let align = RoiAlign(
        outputHeight: height, outputWidth: 2, samplingRatio: ratio, spatialScale: 1, maximum: false, halfPixel: true)
      _ = try Primitive(.roiAlign(align))(x, Tensor([1, boxes.count], boxes), Tensor([1], [index]))
    }
    #expect(throws: EvaluationError.self) { try align([0, 0, 1, 1], 1) }
    #expect(throws: EvaluationError.self) { try align([0, 0, 1, 1], -1) }
    #expect(throws: EvaluationError.self) { try align([0, 0, 1]) }
    #expect(throws: EvaluationError.self) { try align([0, 0, 1e30, 1]) }
    #expect(throws: EvaluationError.self) { try align([0, 0, .nan, 1]) }
    #expect(throws: EvaluationError.self) { try align([0, 0, 1, 1], ratio: .max) }
    #expect(throws: EvaluationError.self) { try align([0, 0, 1, 1], height: -1) }
    #expect(throws: Never.self) { try align([3, 3, -2, -2]) }
    #expect(throws: Never.self) { try align([.nan, 0, .nan, 1], ratio: 2) }
  }

  @Test("boxes kept are what ONNX's reference keeps", arguments: GoldenCase.all(ImageGoldens.nonMaxSuppression))
  fileprivate func nonMaxSuppression(golden test: GoldenCase) throws {
    let extents = test.integers(1)
    let found = try Primitive(.nonMaxSuppression(centerPointBox: test.flag(0)))(
      Tensor([extents[0], extents[2], 4], test.floats(2)), Tensor(Shape(extents), test.floats(3)),
      Tensor(scalar: Int64(test.integers(4)[0])), Tensor(scalar: test.floats(5)[0]),
      Tensor(scalar: test.floats(6)[0]))
    let expected = test.integers(7).map(Int64.init)
    #expect(found.shape == [expected.count / 3, 3])
    #expect(found.elements() == expected)
  }
}
