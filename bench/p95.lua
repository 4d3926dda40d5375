done = function(summary, latency, requests)
  io.write(string.format("p95 ms: %.3f\n", latency:percentile(95.0) / 1000))
end
