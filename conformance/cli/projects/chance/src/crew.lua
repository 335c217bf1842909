-- Processes that talk, fail, and end each other.
local time = require("time")

local function member(boss, number)
  local inbox = process.inbox()
  while true do
    local message = inbox:receive()
    local word = message:payload():data()
    if word == "fail" then error({ number = number }) end
    if word == "spin" then while true do end end
    process.send(boss, "answer", number, word, tostring({}))
  end
end

local function main(...)
  local events, answers = process.events(), process.listen("answer")
  local crew, numbers = {}, {}
  for i = 1, 5 do
    local pid = process.spawn_monitored("app:member", nil, process.pid(), i)
    crew[i], numbers[pid] = pid, i
  end
  for round = 1, 20 do
    for _, pid in ipairs(crew) do process.send(pid, "work", round) end
    for _ = 1, #crew do print(answers:receive()) end
  end
  process.send(crew[1], "work", "fail")
  process.send(crew[2], "work", "spin")
  process.terminate(crew[3])
  process.cancel(crew[4], "enough", "10ms")
  time.sleep("20ms")
  process.terminate(crew[2])
  process.terminate(crew[5])
  for _ = 1, 5 do
    local event = events:receive()
    print(numbers[event.from], event.kind, tostring(event.result.error))
  end
  return "done"
end

return { main = main, member = member }
