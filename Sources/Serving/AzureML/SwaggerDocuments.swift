import Engine
import GraphIR

/// The OpenAPI documents of one model: 2.0 for Power BI and older generators, 3.0.3 and 3.1.0.
///
/// Names and the order of keys are those of Azure Machine Learning's server, so that what was generated from its
/// documents fits. Made once, when the server starts.
struct SwaggerDocuments: Sendable {
  private enum Version: String, CaseIterable {
    case v2 = "2.0"
    case v30 = "3.0.3"
    case v31 = "3.1.0"
  }

  private let v2: [UInt8]
  private let v30: [UInt8]
  private let v31: [UInt8]

  init(_ service: AzureML.Description, _ model: ServedModel, prefix: String, needsKey: Bool) {
    func text(_ version: Version) -> [UInt8] {
      Array(
        Builder(service: service, model: model, prefix: prefix, needsKey: needsKey, version: version).document.text.utf8
      )
    }
    v2 = text(.v2)
    v30 = text(.v30)
    v31 = text(.v31)
  }

  /// For the query of `/swagger.json?version=V`.
  func document(_ query: UnsafeRawBufferPointer?) throws(HTTPError) -> [UInt8] {
    switch Self.version(query) {
    case "2", "2.0": return v2
    case "3", "3.0": return v30
    case "3.1": return v31
    case let version:
      throw HTTPError(
        .notFound, "Swagger version [\(version)] is not valid. Supported versions: [2, 3, 3.1].")
    }
  }

  private static func version(_ query: UnsafeRawBufferPointer?) -> String {
    for pair in (query ?? UnsafeRawBufferPointer(start: nil, count: 0)).split(separator: UInt8(ascii: "&")) {
      let text = UnsafeRawBufferPointer(rebasing: pair)
      guard text.startsIgnoringCase("version=") else { continue }
      let value = UnsafeRawBufferPointer(rebasing: text[8...])
      return String(decoding: PercentEncoding.decode(value, plusIsSpace: true) ?? Array(value), as: UTF8.self)
    }
    return "2"
  }

  // MARK: - Building

  private struct Builder {
    let service: AzureML.Description
    let model: ServedModel
    let prefix: String
    let needsKey: Bool
    let version: Version

    private var inputs: [PortSchema] { model.inputs.map { PortSchema(input: $0) } }
    private var outputs: [PortSchema] { model.outputs.map { PortSchema(output: $0) } }

    var document: OrderedJSON {
      let info: OrderedJSON = [
        "title": .string(service.name),
        "description": .string("API specification for the Azure Machine Learning service \(service.name)"),
        "version": .string(service.version),
      ]
      let definitions: OrderedJSON = [
        "ServiceInput": serviceInput, "ServiceOutput": serviceOutput, "ErrorResponse": errorResponse,
      ]
      let bearer: OrderedJSON = [
        "Bearer": [
          "type": "apiKey", "name": "Authorization", "in": "header", "description": "For example: Bearer abc123",
        ]
      ]
      if version == .v2 {
        return ["swagger": "2.0", "info": info, "schemes": ["https", "http"], "consumes": ["application/json"]]
          + ["produces": ["application/json"]] + (needsKey ? ["securityDefinitions": bearer] : nil)
          + ["paths": paths, "definitions": definitions]
      }
      let components: OrderedJSON = ["schemas": definitions] + (needsKey ? ["securitySchemes": bearer] : nil)
      return ["openapi": .string(version.rawValue), "info": info] + (needsKey ? ["security": [["Bearer": []]]] : nil)
        + ["paths": paths, "components": components]
    }

    // MARK: Paths

    private var paths: OrderedJSON {
      let health: OrderedJSON = [
        "get": operation(
          "ServiceHealthCheck", "Simple health check endpoint to ensure the service is up at any given point.",
          isOpen: true)
          + (version == .v2 ? ["produces": ["text/html"]] : nil)
          + [
            "responses": [
              "200": content(
                "If service is up and running, this response will be returned with the content 'Healthy'",
                ["type": "string"], mediaType: "text/html", example: "Healthy"),
              "503": content(
                "The service drains before it stops.", ["type": "string"], mediaType: "text/html", example: "Draining"),
              "default": failure("The service failed to execute due to an error."),
            ]
          ]
      ]
      let post: OrderedJSON = [
        "post": operation("RunMLService", scoreDescription, isOpen: false) + scoreBody
          + ["responses": scoreResponses]
      ]
      let score = hasQuery ? ["get": queryOperation] + post : post
      let swagger: OrderedJSON = [
        "get": operation("GetSwaggerSpec", "Get the Swagger specification.", isOpen: true)
          + ["parameters": [versionParameter]]
          + [
            "responses": [
              "200": content("The Swagger specification.", ["type": "object"], mediaType: "application/json"),
              "404": failure("There is no specification of that version."),
              "default": failure("The service failed to execute due to an error."),
            ]
          ]
      ]
      return .object([("/", health), (prefix + "/score", score), (prefix + "/swagger.json", swagger)])
    }

    private func operation(_ id: String, _ description: String, isOpen: Bool) -> OrderedJSON {
      let start: OrderedJSON = ["operationId": .string(id), "description": .string(description)]
      guard needsKey else { return start }
      if isOpen { return version == .v2 ? start : start + ["security": []] }
      return start + ["security": [["Bearer": []]]]
    }

    private var scoreDescription: String {
      var text = "Run web service's model and get the prediction output"
      if version == .v2 {
        text += ". One of 'data' and 'inputs' is given; rows of 'data' may be objects (column name: value)"
        if takesBytes { text += "; the bytes of the input alone are taken as application/octet-stream" }
      }
      return text
    }

    private var takesBytes: Bool {
      guard model.inputs.count == 1, let type = model.inputs[0].type.tensor, type.elementType != .string else {
        return false
      }
      return type.shape.count { $0.constant == nil } <= 1
    }

    /// OpenAPI 2 cannot describe JSON in a query, and an input of thousands of numbers does not fit into one.
    private var hasQuery: Bool { version != .v2 && example.text.utf8.count < 4096 }

    private var queryOperation: OrderedJSON {
      let parameter: OrderedJSON = [
        "name": "data", "in": "query", "required": true, "content": ["application/json": ["schema": dataSchema]],
      ]
      return operation("RunMLServiceByQuery", "The same for an input that fits into the query", isOpen: false)
        + ["parameters": [parameter], "responses": scoreResponses]
    }

    private var scoreBody: OrderedJSON {
      let description: OrderedJSON = "The input payload for executing the real-time machine learning service."
      if version == .v2 {
        return [
          "parameters": [
            [
              "name": "serviceInputPayload", "in": "body", "description": description, "required": true,
              "schema": reference("ServiceInput"),
            ]
          ]
        ]
      }
      let json: OrderedJSON = ["application/json": ["schema": reference("ServiceInput")]]
      let bytes: OrderedJSON = ["application/octet-stream": ["schema": ["type": "string", "format": "binary"]]]
      return [
        "requestBody": [
          "description": description, "required": true, "content": json + (takesBytes ? bytes : nil),
        ]
      ]
    }

    private var scoreResponses: OrderedJSON {
      let success = "The service processed the input correctly and provided a result prediction, if applicable."
      var responses: [(key: String, value: OrderedJSON)] = [
        ("200", content(success, reference("ServiceOutput"), mediaType: "application/json", hasBytes: takesBytes)),
        ("400", failure("The input is malformed, or of another shape or type than the model's.")),
      ]
      if needsKey { responses.append(("401", failure("The key is missing or wrong."))) }
      responses += [
        ("408", failure("The request took too long to arrive.")),
        ("413", failure("The request is too large.")),
        ("415", failure("The content type is not one that the service reads.")),
        ("431", failure("The header fields are too large, or an id exceeds 100 characters.")),
        ("500", failure("The model failed, or took too long.")),
        ("503", failure("Too many requests wait; try again later.")),
        ("default", failure("The service failed to execute due to an error.")),
      ]
      return .object(responses)
    }

    private var versionParameter: OrderedJSON {
      let start: OrderedJSON = ["name": "version", "in": "query", "required": false]
      let schema: OrderedJSON = ["type": "string", "enum": ["2", "2.0", "3", "3.0", "3.1"]]
      return version == .v2 ? start + schema : start + ["schema": schema]
    }

    // MARK: Pieces

    private func reference(_ name: String) -> OrderedJSON {
      ["$ref": .string((version == .v2 ? "#/definitions/" : "#/components/schemas/") + name)]
    }

    private func content(
      _ description: String, _ schema: OrderedJSON, mediaType: String, example: OrderedJSON? = nil,
      hasBytes: Bool = false
    ) -> OrderedJSON {
      if version == .v2 {
        return ["description": .string(description), "schema": schema]
          + example.map { ["examples": .object([(mediaType, $0)])] }
      }
      let bytes: OrderedJSON = ["application/octet-stream": ["schema": ["type": "string", "format": "binary"]]]
      let media: OrderedJSON = .object([(mediaType, ["schema": schema] + example.map { ["example": $0] })])
      return ["description": .string(description), "content": media + (hasBytes ? bytes : nil)]
    }

    private func failure(_ description: String) -> OrderedJSON {
      content(description, reference("ErrorResponse"), mediaType: "application/json")
    }

    // MARK: Schemas

    private var serviceInput: OrderedJSON {
      let values: OrderedJSON = ["data": dataSchema, "inputs": object(inputs)]
      let schema: OrderedJSON = ["type": "object", "properties": values + methodSchema]
      // OpenAPI 2 cannot say that one of the two is needed.
      let choice: OrderedJSON = ["oneOf": [["required": ["data"]], ["required": ["inputs"]]]]
      return schema + (version == .v2 ? nil : choice) + ["example": ["data": example]]
    }

    /// The methods that the model has, and the output that each means.
    private var methods: [(method: PredictionMethod, port: Port)] {
      PredictionMethod.allCases.compactMap { method in
        (try? method.output(of: model.outputs)).map { (method, model.outputs[$0]) }
      }
    }

    private var methodSchema: OrderedJSON? {
      if methods.isEmpty { return nil }
      return [
        "method": [
          "type": "string", "enum": .array(methods.map { .string($0.method.rawValue) }),
          "description": "Which output alone is answered: labels, or probabilities as rows in the order of the classes",
        ]
      ]
    }

    private var dataSchema: OrderedJSON {
      let forms = dataForms
      return forms.count > 1 && version != .v2 ? ["anyOf": .array(forms)] : forms[0]
    }

    private var example: OrderedJSON {
      inputs.count == 1 ? inputs[0].example : .object(inputs.map { ($0.port.name, $0.example) })
    }

    /// What `data` may be, Azure's own form first.
    private var dataForms: [OrderedJSON] {
      var forms = [inputs.count == 1 ? inputs[0].schema : object(inputs)]
      if let records { forms.append(["type": "array", "items": records, "format": "pandas.DataFrame:records"]) }
      return forms
    }

    /// A row as an object: columns by name, or any names when one input takes them all in order.
    private var records: OrderedJSON? {
      let columns = inputs.compactMap { input in input.columnSchema.map { (input.port.name, $0) } }
      if columns.count == inputs.count, inputs.count > 1 {
        return [
          "type": "object", "properties": .object(columns.map { ($0.0, $0.1) }),
          "required": .array(columns.map { .string($0.0) }),
        ]
      }
      guard inputs.count == 1, let type = inputs[0].port.type.tensor, type.rank == 2, type.shape[0].constant == nil,
        let count = type.shape[1].constant, count > 0
      else { return nil }
      return [
        "type": "object", "additionalProperties": PortSchema.leaf(type.elementType),
        "minProperties": .raw(String(count)), "maxProperties": .raw(String(count)),
      ]
    }

    private func object(_ ports: [PortSchema]) -> OrderedJSON {
      let required = ports.filter { if case .optional = $0.port.type { false } else { true } }
      let schema: OrderedJSON = [
        "type": "object", "properties": .object(ports.map { ($0.port.name, $0.schema) }),
      ]
      return required.isEmpty ? schema : schema + ["required": .array(required.map { .string($0.port.name) })]
    }

    private var serviceOutput: OrderedJSON {
      let plain = outputs.count == 1 ? outputs[0].schema : object(outputs)
      if version == .v2 { return plain }
      func named(_ schema: OrderedJSON) -> OrderedJSON {
        ["type": "object", "properties": ["outputs": schema], "required": ["outputs"]]
      }
      let ofMethods = methods.flatMap { method, port in
        let output = PortSchema(output: method.answer(port))
        return [output.schema, named(object([output]))]
      }
      return ["anyOf": .array([plain, named(object(outputs))] + ofMethods)]
    }

    private var errorResponse: OrderedJSON {
      [
        "type": "object",
        "properties": ["status_code": ["type": "integer", "format": "int32"], "message": ["type": "string"]],
        "required": ["status_code", "message"],
      ]
    }
  }
}
