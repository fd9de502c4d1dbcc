public enum ONNXError: Error {
  case malformed(file: String, offset: Int, problem: String)
  case unsupportedOperator(file: String, node: String, operator: String, domain: String, version: Int)
  case invalidNode(file: String, node: String, operator: String, found: String, expected: String)
  case invalidModel(file: String, problem: String)
  case requiresConstantInputs([String])
  case requiresInputTypes([String])
}
