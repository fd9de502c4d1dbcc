// swift-tools-version: 6.1
import PackageDescription

// The rooms of Sources/README.md, bottom up: a target imports only targets above it in this list.
// `APUS_CORE_ONLY=1` leaves out the rooms that need SwiftNIO, so that work on the compiler builds in seconds.
let coreOnly = Context.environment["APUS_CORE_ONLY"] != nil

func room(
  _ name: String, _ dependencies: [Target.Dependency] = [], testsOnly: [Target.Dependency] = []
) -> [Target] {
  [
    .target(name: name, dependencies: dependencies),
    .testTarget(name: name + "Tests", dependencies: dependencies + [.byName(name: name)] + testsOnly),
  ]
}

let core: [Target] =
  room("Tensors")
  + room("ModelFiles")
  + room("GraphIR", ["Tensors"])
  + room("Threads")
  + room("Interpreter", ["Tensors", "GraphIR", "Threads"])
  + room("ONNXFrontend", ["Tensors", "ModelFiles", "GraphIR", "Interpreter"], testsOnly: ["TestSupport"])
  + room("Passes", ["Tensors", "GraphIR", "Interpreter"])
  + room("KernelIR", ["Tensors", "GraphIR", "Interpreter"], testsOnly: ["TestSupport"])
  + room("X86", ["Tensors", "GraphIR", "KernelIR"], testsOnly: ["TestSupport", "TileEmulator"])
  + room(
    "Engine",
    ["Tensors", "ModelFiles", "GraphIR", "Threads", "Interpreter", "ONNXFrontend", "Passes", "KernelIR", "X86"],
    testsOnly: ["TestSupport", "TileEmulator"])
  + room(
    "Quantizer", ["Tensors", "ONNXFrontend", "Engine"], testsOnly: ["ModelFiles"])
  + [
    // What the tests of several rooms share.
    .target(name: "TestSupport", dependencies: ["Tensors", "GraphIR", "Interpreter"], path: "Tests/Support"),
    // AMX for CPUs without it; optimised in debug builds too, since every tile instruction is thousands of products.
    .target(
      name: "TileEmulator", dependencies: ["X86"], path: "Tests/TileEmulator",
      swiftSettings: [.unsafeFlags(["-O"])]),
    .executableTarget(
      name: "apus-conformance",
      dependencies: ["Tensors", "GraphIR", "ONNXFrontend", "Engine", "X86", "TestSupport", "TileEmulator"],
      path: "Tests/Conformance/Runner"),
    .executableTarget(
      name: "apus-kernels", dependencies: ["KernelIR", "X86"], path: "Benchmarks/kernels", exclude: ["run"]),
  ]

func nio(_ names: String...) -> [Target.Dependency] { names.map { .product(name: $0, package: "swift-nio") } }
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let server: [Target] =
  room("Settings", [.product(name: "Yams", package: "Yams")])
  + room(
    "Serving", ["Tensors", "GraphIR", "Engine", logging] + nio("NIOCore", "NIOPosix"),
    testsOnly: nio("NIOEmbedded", "NIOHTTP1"))
  + [
    .systemLibrary(name: "CJemalloc", providers: [.apt(["libjemalloc-dev"])]),
    .executableTarget(
      name: "apus",
      dependencies: [
        "Tensors", "GraphIR", "ONNXFrontend", "Engine", "Quantizer", "Settings", "Serving", "CJemalloc", logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .testTarget(name: "CommandLineTests", dependencies: ["Tensors"]),
  ]

let package = Package(
  name: "apus",
  products: coreOnly ? [] : [.executable(name: "apus", targets: ["apus"])],
  dependencies: coreOnly
    ? []
    : [
      .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
      .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
      .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
      .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
  targets: coreOnly ? core : core + server
)
