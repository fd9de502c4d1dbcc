/// How a script learns what went wrong: `sysexits.h`, and 3 for a model as Azure Machine Learning's server has it.
enum FailureCode: Int32 {
  case model = 3
  case usage = 64
  case data = 65
  case noInput = 66
  case unavailable = 69
  case internalError = 70
  case cannotCreate = 73
  case configuration = 78
}

/// The end of a command, told to the user in one line.
struct CommandFailure: Error {
  let code: FailureCode
  let message: String

  init(_ code: FailureCode, _ message: String) {
    self.code = code
    self.message = message
  }
}
