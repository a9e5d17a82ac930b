-- Load for bench/run: GET on the URL's path, each request with the next token of a file.
--
--   wrk … -s me.lua URL -- TOKENS [check]
--
-- With `check` every answer's status is looked at. That costs the client some microseconds an answer, so measured runs
-- go without: wrk itself counts statuses above 399, and bench/run compares with the server's own count of each status.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(arguments)
  requests, turn, expected, unexpected = {}, 0, 0, 0
  for token in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, { Authorization = "MxToken " .. token })
  end
  -- Threads go round from different places.
  turn = number * math.floor(#requests / 7)
  if arguments[2] == "check" then
    response = count
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function count(status)
  if status == 200 then
    expected = expected + 1
  else
    unexpected = unexpected + 1
  end
end

function done(summary, latency)
  local checked, wrong = 0, 0
  for _, thread in ipairs(threads) do
    checked = checked + thread:get("expected")
    wrong = wrong + thread:get("unexpected")
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"seconds": %.6f, "answers": %d, "checked": %d, "unexpected": %d, "above399": %d, '
      .. '"failedConnections": %d, "p50": %d, "p99": %d}\n',
    summary.duration / 1e6, summary.requests, checked, wrong, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
