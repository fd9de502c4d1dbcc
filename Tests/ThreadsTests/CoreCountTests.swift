import Testing

@testable import Threads

@Suite struct CoreCountTests {
  @Test func thereIsACore() {
    #expect(CoreCount.current().usable >= 1)
    #expect(CoreCount(allowed: 8, quota: 2.5).usable == 2)
    #expect(CoreCount(allowed: 8, quota: 0.5).usable == 1)
  }

  @Test(arguments: [("0-1", 2), ("0", 1), ("0-3,8,10-11", 7), ("", nil), ("x", nil)])
  func theAffinityMaskIsAListOfRanges(text: String, count: Int?) {
    #expect(CoreCount.allowed { _ in "Name:\tapus\nCpus_allowed_list:\t\(text)\nThreads:\t1\n" } == count)
    #expect(CoreCount.allowed { _ in nil } == nil)
  }

  @Test func quotasOfBothControlGroupVersionsBoundTheCores() {
    let version2 = [
      "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/a/cpu.max": "250000 100000\n",
    ]
    #expect(CoreCount.quota { version2[$0] } == 2.5)
    let version1 = [
      "/proc/self/cgroup": "4:cpu,cpuacct:/x\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    ]
    #expect(CoreCount.quota { version1[$0] } == 1.5)
  }
}
