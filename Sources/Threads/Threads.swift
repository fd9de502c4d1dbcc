// Threads: one loop on several cores. Start here.
//
//   ThreadTeam   the process's team: splits 0..<n into fixed ranges and runs a function on all of them at once
//   Worker       how one of its threads is handed a range and says that it is done: a cache line each way
//   Waiter       waiting for another thread: spinning for some microseconds, then asleep
//   CoreCount    how many threads are worth having: affinity mask and control group quota
//
// Nothing here allocates or counts references on the way of a run. Ranges depend on the counts alone, never on which
// thread is free, so that results do not either.
