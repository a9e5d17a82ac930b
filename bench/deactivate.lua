-- Load for bench/run: PATCH {"active": false}, each on another user of a file with one UUID a line.
--
--   wrk … -s deactivate.lua URL -- USERS THREADS TOKEN
--
-- Every thread takes its own share of the file, and stops when that is used up.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(arguments)
  users, turn, expected, unexpected, surprise, exhausted = {}, 0, 0, 0, "", 0
  local line, count = 0, tonumber(arguments[2])
  for user in io.lines(arguments[1]) do
    line = line + 1
    if line % count == number - 1 then
      users[#users + 1] = user
    end
  end
  head = "PATCH /v1/platform-users/"
  tail = " HTTP/1.1\r\nHost: " .. wrk.headers["Host"]
    .. "\r\nAuthorization: MxToken " .. arguments[3]
    .. "\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
    .. '{"active":false}'
end

function request()
  turn = turn + 1
  if turn > #users then
    exhausted = 1
    turn = #users
    wrk.thread:stop()
  end
  return head .. users[turn] .. tail
end

function response(status, headers, body)
  if status == 204 then
    expected = expected + 1
  else
    unexpected = unexpected + 1
    if surprise == "" then
      surprise = status .. " " .. body
    end
  end
end

function done(summary, latency)
  local checked, wrong, exhausted, surprise = 0, 0, "false", ""
  for _, thread in ipairs(threads) do
    checked = checked + thread:get("expected")
    wrong = wrong + thread:get("unexpected")
    if thread:get("exhausted") == 1 then exhausted = "true" end
    surprise = surprise .. thread:get("surprise")
  end
  if wrong > 0 then
    io.write("UNEXPECTED " .. surprise:gsub("%c", " ") .. "\n")
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"seconds": %.6f, "answers": %d, "checked": %d, "unexpected": %d, "above399": %d, '
      .. '"failedConnections": %d, "p50": %d, "p99": %d, "exhausted": %s}\n',
    summary.duration / 1e6, summary.requests, checked, wrong, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), exhausted))
end
