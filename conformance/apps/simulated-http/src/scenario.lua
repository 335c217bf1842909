local sim, time = require("sim"), require("time")
local scenario = {}

-- What a process of this entry returns, or why it fails.
local function ask(entry, ...)
  local result, fault = process.exec("sim.http:" .. entry, nil, ...)
  if fault then return nil, tostring(fault) end
  return result
end

-- The same; who is careful asks until there is an answer.
local function answer(how, entry, ...)
  while true do
    local result, fault = ask(entry, ...)
    if result then return result end
    sim.reachable(fault:match("ErrorCode::(%w+)") or fault)
    if how ~= "careful" then return nil, fault end
    time.sleep("100ms")
  end
end

function scenario.run(how)
  local ticks = answer(how, "fetch", "http://localhost:8080/ticks")
  sim.always("there is an answer", ticks ~= nil)
  return ticks or "nothing"
end

-- What each sort of request gives where nothing goes wrong.
function scenario.all()
  local told = {}
  local function tell(entry, ...)
    local result, fault = ask(entry, ...)
    told[#told + 1] = result or fault
  end
  tell("fetch", "http://127.0.0.1:8080/ticks")
  tell("fetch", "http://127.0.0.1:8080/hello")
  tell("fetch", "http://127.0.0.1:8081/")
  tell("fetch", "https://127.0.0.1:8080/")
  tell("fetch", "http://example.com/")
  tell("fetch", "http://10.0.0.1:8080/")
  tell("post", "http://127.0.0.1:8080/echo", 100000, false)
  tell("post", "http://127.0.0.1:8080/echo", 1000, true)
  tell("post", "http://127.0.0.1:8080/greet", 5, true)
  local none = process.null
  for _, path in ipairs({
    "head", "nowhere", "error", "never", "trap", "late", "cut", "short", "trailers",
  }) do
    tell("probe", "GET", "http://127.0.0.1:8080/" .. path, none, none, none)
  end
  tell("probe", "PUT", "http://127.0.0.1:8080/greet", none, none, none)
  return table.concat(told, "\n")
end

return scenario
