-- What the loads of bench/run share: how they count what they looked at, and the line that tells it.

-- Of this run, where it is put together.
threads = {}
-- Of each thread.
expected, unexpected, surprise = 0, 0, ""

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

-- Counts an answer; of those that were not expected, the first says what it was.
function tell(good, what)
  if good then
    expected = expected + 1
  else
    unexpected = unexpected + 1
    surprise = surprise == "" and tostring(what) or surprise
  end
end

-- Tells what all threads have counted, and what the load itself has to say: more members, as JSON.
function report(summary, latency, more)
  local checked, wrong, surprises = 0, 0, ""
  for _, thread in ipairs(threads) do
    checked = checked + thread:get("expected")
    wrong = wrong + thread:get("unexpected")
    surprises = surprises .. " " .. thread:get("surprise")
  end
  if wrong > 0 then
    io.write("UNEXPECTED " .. surprises:gsub("%c", " ") .. "\n")
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"seconds": %.6f, "answers": %d, "checked": %d, "unexpected": %d, "above399": %d, '
      .. '"failedConnections": %d, "p50": %d, "p99": %d, %s}\n',
    summary.duration / 1e6, summary.requests, checked, wrong, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), more))
end
