-- wrk: post the body that is in the file named by BODY over and over, and print what came of it as JSON.
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()

function done(summary, latency, _)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "microseconds": %d, "errors": %d, "p50": %.1f, "p99": %.1f}',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
