-- Load for bench/run: asks one of the doors about credentials, each request with the next token of a list.
--
--   wrk … -s check.lua URL -- METHOD PATH SCHEME TOKENS START PAUSE LOOK [SERVICE]
--
-- SCHEME is MxToken or Bearer, for a token in the header, or Basic: then SERVICE asks, and the token is in a form.
-- TOKENS is a file with one token of 42 characters a line; the first thread begins behind START of them. PAUSE is how
-- many milliseconds a connection waits between an answer and the next request, on average; 0 is not at all.
--
-- With LOOK `check` every answer is looked at. That costs the client some microseconds an answer, so measured runs go
-- without: wrk itself counts statuses above 399, and bench/run compares sizes and the server's own count of statuses.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "tally.lua")

local LINE = 43
-- Up to so many requests are made once, at the start. More of them would be too much for the memory that LuaJIT can
-- have, so of those only the tokens are kept, in one string, and each request is put together when it is sent.
local READY = 20000

function init(arguments)
  local method, path, scheme, file, start, pause, look, service = unpack(arguments)
  head, tail = frame(method, path, scheme, service)
  local source = assert(io.open(file))
  tokens = source:read("*a")
  source:close()
  count = #tokens / LINE
  -- Threads go round from different places.
  turn = (tonumber(start) + (number - 1) * math.floor(count * 3 / 7)) % count
  if count <= READY then
    requests = {}
    for i = 0, count - 1 do
      requests[i] = build(i)
    end
    tokens = nil
    request = request_ready
  else
    request = request_built
  end
  pause = tonumber(pause)
  if pause > 0 then
    math.randomseed(number)
    delay = function() return math.random(0, 2 * pause) end
  end
  if look == "check" then
    response = scheme == "Basic" and look_at_body or look_at_status
  end
end

-- What stands before and behind the token.
function frame(method, path, scheme, service)
  local head = method .. " " .. path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"]
    .. "\r\nAuthorization: " .. scheme .. " "
  if scheme ~= "Basic" then
    return head, "\r\n\r\n"
  end
  return head .. service .. "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
    .. #"token=" + LINE - 1 .. "\r\n\r\ntoken=", ""
end

function build(i)
  return head .. tokens:sub(i * LINE + 1, i * LINE + LINE - 1) .. tail
end

function request_ready()
  local next = requests[turn]
  turn = (turn + 1) % count
  return next
end

function request_built()
  local next = build(turn)
  turn = (turn + 1) % count
  return next
end

function look_at_status(status)
  tell(status == 200, status)
end

function look_at_body(status, headers, body)
  tell(status == 200 and body:find('{"active":true,', 1, true) == 1, status .. " " .. body)
end

function done(summary, latency)
  report(summary, latency, string.format('"bytes": %.0f', summary.bytes))
end
