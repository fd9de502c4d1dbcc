import Tensors
public struct ONNXModel { var file = ""; var graph: ONNXGraph; var opsets: [String: Int] = [:]
  func function(domain: String, name: String, overload: String) -> ONNXFunction? { nil } }
struct ONNXGraph { var name = ""; var nodes: [ONNXNode] = []; var initializers: [ONNXTensor] = []; var sparseInitializers: [ONNXTensor] = []; var inputs: [ONNXValueInfo] = []; var outputs: [ONNXValueInfo] = [] }
struct ONNXNode { var inputs: [String]; var outputs: [String]; var name: String; var opType: String; var domain: String; var overload: String; var attributes: [ONNXAttribute] }
struct ONNXValueInfo { var name: String; var type: ONNXType? }
indirect enum ONNXType { enum Dimension { case value(Int), parameter(String), unknown }
  case tensor(ElementType, [Dimension]?), sequence(ONNXType), optional(ONNXType), map(ElementType, ONNXType), unknown }
struct ONNXTensor { var name: String; func tensor() throws -> Tensor { fatalError() } }
struct ONNXAttribute { enum Value { case int(Int64), ints([Int64]), float(Float), floats([Float]), string([UInt8]), strings([[UInt8]]), tensor(ONNXTensor), graph(ONNXGraph), other }
  var name: String; var refAttrName: String; var value: Value }
struct ONNXFunction { var name: String; var inputs: [String]; var outputs: [String]; var nodes: [ONNXNode]; var opsets: [String: Int]; var attributeDefaults: [ONNXAttribute] }
