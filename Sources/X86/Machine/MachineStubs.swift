import Glibc

/// The few instructions that Swift has no words for, emitted once into a page of their own: system calls that Glibc's
/// module does not import (`syscall` is variadic, `memfd_create` hides behind _GNU_SOURCE), cpuid and xgetbv.
struct MachineStubs: Sendable {
  typealias SystemCall = @convention(c) (Int, Int, Int, Int, Int, Int, Int) -> Int
  typealias CPUID = @convention(c) (UInt32, UInt32, UnsafeMutablePointer<UInt32>) -> Void
  typealias XGETBV = @convention(c) (UInt32) -> UInt64

  /// Number and six arguments; a negative result is -errno.
  let systemCall: SystemCall
  let cpuid: CPUID
  let xgetbv: XGETBV

  private static let loaded: Result<MachineStubs, MachineError> = {
    do throws(MachineError) {
      return .success(try MachineStubs())
    } catch {
      return .failure(error)
    }
  }()

  static func shared() throws(MachineError) -> MachineStubs { try loaded.get() }

  private init() throws(MachineError) {
    let stubs = [Self.systemCallBytes, Self.cpuidBytes, Self.xgetbvBytes]
    let stride = 64
    let size = sysconf(Int32(_SC_PAGESIZE))
    let page = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let page, page != MAP_FAILED else { throw .system(call: "mmap", code: errno) }
    for (index, stub) in stubs.enumerated() {
      // Not empty, so that there is a base address.
      stub.withUnsafeBytes { (page + index * stride).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }
    guard mprotect(page, size, PROT_READ | PROT_EXEC) == 0 else {
      let code = errno
      munmap(page, size)
      throw .system(call: "mprotect", code: code)
    }
    // The page lives as long as the process.
    systemCall = unsafeBitCast(page, to: SystemCall.self)
    cpuid = unsafeBitCast(page + stride, to: CPUID.self)
    xgetbv = unsafeBitCast(page + 2 * stride, to: XGETBV.self)
  }

  // The C convention passes rdi, rsi, rdx, rcx, r8, r9 and the stack; the kernel wants rax and rdi, rsi, rdx, r10, r8, r9.
  // Written as bytes: they must exist before anything can fail, and StubTests assembles the same text.
  static let systemCallBytes: [UInt8] = [
    0x48, 0x89, 0xF8,  // mov rax, rdi
    0x48, 0x89, 0xF7,  // mov rdi, rsi
    0x48, 0x89, 0xD6,  // mov rsi, rdx
    0x48, 0x89, 0xCA,  // mov rdx, rcx
    0x4D, 0x89, 0xC2,  // mov r10, r8
    0x4D, 0x89, 0xC8,  // mov r8, r9
    0x4C, 0x8B, 0x4C, 0x24, 0x08,  // mov r9, [rsp + 8]
    0x0F, 0x05,  // syscall
    0xC3,  // ret
  ]

  static let cpuidBytes: [UInt8] = [
    0x53,  // push rbx
    0x49, 0x89, 0xD0,  // mov r8, rdx
    0x89, 0xF8,  // mov eax, edi
    0x89, 0xF1,  // mov ecx, esi
    0x0F, 0xA2,  // cpuid
    0x41, 0x89, 0x00,  // mov [r8], eax
    0x41, 0x89, 0x58, 0x04,  // mov [r8 + 4], ebx
    0x41, 0x89, 0x48, 0x08,  // mov [r8 + 8], ecx
    0x41, 0x89, 0x50, 0x0C,  // mov [r8 + 12], edx
    0x5B,  // pop rbx
    0xC3,  // ret
  ]

  static let xgetbvBytes: [UInt8] = [
    0x89, 0xF9,  // mov ecx, edi
    0x0F, 0x01, 0xD0,  // xgetbv
    0x48, 0xC1, 0xE2, 0x20,  // shl rdx, 32
    0x48, 0x09, 0xD0,  // or rax, rdx
    0xC3,  // ret
  ]
}

/// System calls of x86-64 Linux by number.
enum SystemCall {
  static func memfdCreate(name: String, flags: Int) throws(MachineError) -> Int32 {
    let stubs = try MachineStubs.shared()
    let result = name.withCString { stubs.systemCall(319, Int(bitPattern: $0), flags, 0, 0, 0, 0) }
    return Int32(try check(result, "memfd_create"))
  }

  /// Asks the kernel to save the tile data of this process's threads; without it the first tile instruction is a fault.
  static func requestTileData() throws(MachineError) {
    let requestPermission = 0x1023
    let tileData = 18
    _ = try check(try MachineStubs.shared().systemCall(158, requestPermission, tileData, 0, 0, 0, 0), "arch_prctl")
  }

  static func threadIdentifier() throws(MachineError) -> Int {
    try MachineStubs.shared().systemCall(186, 0, 0, 0, 0, 0, 0)
  }

  private static func check(_ result: Int, _ call: String) throws(MachineError) -> Int {
    guard result >= 0 else { throw .system(call: call, code: Int32(-result)) }
    return result
  }
}
