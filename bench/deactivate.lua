-- Load for bench/run: PATCH {"active": false}, each on another user of a file with one UUID a line.
--
--   wrk … -s deactivate.lua URL -- USERS THREADS TOKEN
--
-- Every thread takes its own share of the file, and stops when that is used up.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "tally.lua")

function init(arguments)
  users, turn, exhausted = {}, 0, 0
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
  local good = status == 204
  tell(good, good or status .. " " .. body)
end

function done(summary, latency)
  local exhausted = false
  for _, thread in ipairs(threads) do
    exhausted = exhausted or thread:get("exhausted") == 1
  end
  report(summary, latency, '"exhausted": ' .. tostring(exhausted))
end
