// Serving: bytes in, scores out. Start here.
//
//   bytes ─► HTTPConnection ─► Router ─► codec ─► Scheduler ─► Session.run ─► codec ─► bytes
//
//   HTTP/        one handler for each connection: parses heads and bodies in place, keeps limits and time
//     Server           sockets, event loops, readiness, drain
//     HTTPConnection   the state machine of a connection; one request at a time, pipelined ones in order
//     RequestHead      a strict parser; offsets into the bytes that arrived, no strings
//     Router           a table: path, method, action, whether it needs a key
//     WireProtocol     what a protocol brings: routes, headers, the shape of an error
//   Codec/       JSON and raw bytes ⇄ the values of a model, shared by all protocols
//   Scheduling/  who runs a model: the event loop itself when the model is fast, else a bounded pool of threads
//     Lane             what one thread needs to run one model: its own session and scratch memory
//   AzureML/     the protocol of Azure Machine Learning's inference server: /score, /swagger.json, request ids, CORS
//   Access/      keys: made, stored, compared
//   Models/      what is served, and where it is found on disk
//   Metrics/     what the server counts, and GET /metrics
//
// A protocol knows requests and tensors, never files. Another one (Open Inference Protocol, TensorFlow Serving,
// MLflow) is a folder beside AzureML/ that makes a `WireProtocol`.
//
// On the way of a request nothing is looked up by string except the route, and nothing is boxed in an existential.
