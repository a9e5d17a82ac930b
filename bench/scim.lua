-- Load for bench/run: what an identity provider asks for, a mix of five kinds of requests.
--
--   wrk … -s scim.lua URL -- PEOPLE START THREADS TOKEN RUN SHARES
--
-- PEOPLE is a file with one user a line: identifier, blank, userName; all lines have the same length. SHARES is how
-- many of a hundred requests are of each of the KINDS: 40,20,20,10,10. RUN is a number that no other run has, so that
-- what is made or changed is always something new. Users are stopped and let back one by one, from behind START of
-- them on.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "tally.lua")

local KINDS = {"filter", "get", "patch", "create", "switch"}
local IDENTIFIER = 36
-- So many are stopped before the first of them is let back: what one connection asks for another may overtake.
local STOPPED = 32

-- What was asked for, of each kind; and of the answers, how many were lists.
sent = {filter = 0, get = 0, patch = 0, create = 0, switch = 0}

function init(arguments)
  local file, start, count, secret, numbered, shares = unpack(arguments)
  local source = assert(io.open(file))
  people = source:read("*a")
  source:close()
  length = people:find("\n", 1, true)
  known = #people / length
  token, run, threads_in_all = secret, numbered, tonumber(count)
  math.randomseed(tonumber(run) + number)
  draws = {}
  for share in shares:gmatch("%d+") do
    table.insert(draws, (draws[#draws] or 0) + tonumber(share))
  end
  assert(#draws == #KINDS and draws[#draws] == 100, "the shares of all kinds are 100 together")
  -- Each thread stops users of its own.
  own = math.floor(known / threads_in_all)
  assert(own > STOPPED, "there are too few people")
  stopped = tonumber(start) % own
  back, unique = stopped, 0
end

-- The identifier and the userName of one.
function person(place)
  local begin = place * length
  return people:sub(begin + 1, begin + IDENTIFIER), people:sub(begin + IDENTIFIER + 2, begin + length - 1)
end

function anybody()
  return person(math.random(0, known - 1))
end

function own_person(turn)
  return person(turn % own * threads_in_all + number - 1)
end

-- Of this thread and this run.
function something_new()
  unique = unique + 1
  return run .. "-" .. number .. "-" .. unique
end

function ask(method, path, body)
  local head = method .. " /scim/v2/Users" .. path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"]
    .. "\r\nAuthorization: Bearer " .. token
  if not body then
    return head .. "\r\n\r\n"
  end
  return head .. "\r\nContent-Type: application/scim+json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function change(identifier, path, value)
  local operation = '{"op":"replace","path":"' .. path .. '","value":' .. value .. "}"
  return ask("PATCH", "/" .. identifier,
    '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[' .. operation .. "]}")
end

local make = {}

function make.filter()
  local _, name = anybody()
  return ask("GET", "?filter=userName%20eq%20%22" .. name:gsub("@", "%%40") .. "%22&startIndex=1&count=100")
end

function make.get()
  return ask("GET", "/" .. anybody())
end

function make.patch()
  local identifier = anybody()
  return change(identifier, "title", '"Engineer ' .. something_new() .. '"')
end

function make.create()
  local name = "new-" .. something_new()
  local address = '"' .. name .. '@bench.example"'
  return ask("POST", "", '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":' .. address
    .. ',"externalId":"' .. name .. '","name":{"givenName":"New","familyName":"' .. name
    .. '"},"displayName":"New ' .. name .. '","emails":[{"value":' .. address
    .. ',"type":"work","primary":true}],"active":true}')
end

function make.switch()
  local lets_back = stopped - back >= STOPPED
  local identifier = own_person(lets_back and back or stopped)
  if lets_back then
    back = back + 1
  else
    stopped = stopped + 1
  end
  return change(identifier, "active", tostring(lets_back))
end

function request()
  local drawn, chosen = math.random(100), 1
  while drawn > draws[chosen] do
    chosen = chosen + 1
  end
  local kind = KINDS[chosen]
  sent[kind] = sent[kind] + 1
  return make[kind]()
end

-- A list with nobody is a 200, too.
function response(status, headers, body)
  local found = not body:find('"totalResults":', 1, true) or body:find('"totalResults":1[,}]')
  local good = (status == 200 or status == 201) and found and body:find('"userName":', 1, true)
  tell(good, good or status .. " " .. body)
end

function done(summary, latency)
  local counted = {}
  for _, kind in ipairs(KINDS) do
    local count = 0
    for _, thread in ipairs(threads) do
      count = count + thread:get("sent")[kind]
    end
    table.insert(counted, string.format('"%s": %d', kind, count))
  end
  report(summary, latency, '"sent": {' .. table.concat(counted, ", ") .. "}")
end
