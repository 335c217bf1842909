local sim, time = require("sim"), require("time")
local scenario = {}

function scenario.run(how)
  local host = "sim:processes"
  local counter = process.spawn("sim.lost:counter", host)
  -- One after the other, or so it seems.
  for _ = 1, 2 do
    process.spawn("sim.lost:client", host, counter, how == "careful")
    time.sleep("10ms")
  end
  time.sleep("1m")
  while not process.send(counter, "get") do
    time.sleep("1ms")
  end
  local value = process.inbox():receive():payload():data()
  sim.always("no update is lost", value == 2)
  return value
end

return scenario
