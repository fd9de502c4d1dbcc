import Engine
import Tensors
import Testing

@testable import Serving

/// `"method"` in the body of `/score`.
@Suite struct MethodTests {
  @Test func classifiersGiveObjectsOfProbabilities() throws {
    let server = try TestServer([.classifier(givesMaps: true)])
    #expect(
      try server.post(#"{"data": [[0.25, 0.75]]}"#).body
        == #"{"label": ["yes"], "output_probability": [{"no": 0.25, "yes": 0.75}]}"#)
  }

  @Test(arguments: [true, false])
  func methodsChooseAnOutput(givesMaps: Bool) throws {
    let server = try TestServer([.classifier(givesMaps: givesMaps)])
    let name = givesMaps ? "output_probability" : "probabilities"
    for (body, expected) in [
      (#"{"data": [[0.25, 0.75], [1, 0]], "method": "predict"}"#, #"["yes", "no"]"#),
      (#"{"method": "predict_proba", "data": [[0.25, 0.75], [1, 0]]}"#, "[[0.25, 0.75], [1.0, 0.0]]"),
      (#"{"method": "predict", "inputs": {"x": [[1, 0]]}}"#, #"{"outputs": {"label": ["no"]}}"#),
      (#"{"method": "predict_proba", "inputs": {"x": [[1, 0]]}}"#, #"{"outputs": {"\#(name)": [[1.0, 0.0]]}}"#),
      (#"{"Inputs": {"data": [{"a": 1, "b": 0}]}, "method": "predict"}"#, #"{"Results": ["no"]}"#),
      (#"{"data": [], "method": "predict_proba"}"#, "[]"),
    ] {
      let response = try server.post(body)
      #expect(response.status == 200)
      #expect(response.body == expected)
    }
    #expect(try server.post(#"{"data": [[1, 0]], "method": null}"#).body.hasPrefix(#"{"label": ["no"], "#))
  }

  @Test(arguments: [
    (#"{"data": [[1, 2]], "method": "fit"}"#, "Unknown method 'fit': expected 'predict' or 'predict_proba'."),
    (#"{"data": [[1, 2]], "method": 1}"#, "'method' is no string: expected 'predict' or 'predict_proba'."),
    (
      #"{"data": [[1, 2]], "method": "predict_proba"}"#,
      "The model cannot 'predict_proba': no one output is probabilities among 'y'."
    ),
  ])
  func saysWhatAModelCannotDo(_ body: String, _ message: String) throws {
    let response = try TestServer().post(body)
    #expect(response.status == 400)
    #expect(response.message == message)
  }

  @Test func documentsOfferWhatTheModelHas() throws {
    let server = try TestServer([.classifier(givesMaps: true), .sums(index: 1)])
    for version in ["2", "3", "3.1"] {
      let text = try server.request(Client.get("/models/classifier/swagger.json?version=\(version)")).body
      #expect(text.contains(#""method": {"type": "string", "enum": ["predict", "predict_proba"]"#))
      let other = try server.request(Client.get("/models/sums/swagger.json?version=\(version)")).body
      #expect(other.contains(#""method": {"type": "string", "enum": ["predict"]"#))
    }
  }
}
