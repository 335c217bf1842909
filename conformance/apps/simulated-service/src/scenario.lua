local channel, sim, time = require("channel"), require("sim"), require("time")
local scenario = {}

-- The service may not be there just now.
local function ask(number)
  while not process.send("squares", "number", number) do
    time.sleep("20ms")
  end
end

-- Waits for the answer. Who is careful does not wait for ever.
local function answer(number, careful)
  local inbox = process.inbox()
  while true do
    local cases = { inbox:case_receive() }
    if careful then cases[2] = time.after("5s"):case_receive() end
    local got = channel.select(cases)
    if got.channel ~= inbox then return nil end
    local asked, square = got.value:payload():data()
    if asked == number then return square end
  end
end

function scenario.run(how)
  for number = 1, 5 do
    local square
    repeat
      ask(number)
      square = answer(number, how == "careful")
    until square
    sim.always("a square is a square", square == number * number)
  end
end

return scenario
