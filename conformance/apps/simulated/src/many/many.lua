local many = {}

-- Sleeps a minute, so many times.
function many.sleep(times)
  for _ = 1, times do
    require("time").sleep("1m")
  end
end

-- A thousand of these, for an hour.
function many.sleepers()
  for _ = 1, 1000 do
    process.spawn_monitored("sim.many:sleeper", "sim:processes", 60)
  end
  for _ = 1, 1000 do
    process.events():receive()
  end
end

local function send(...)
  while not process.send(...) do
    require("time").sleep("1ms")
  end
end

-- Passes numbers on, one larger; ends at 0.
function many.play(next_)
  while true do
    local number = process.inbox():receive():payload():data()
    if number == 0 then return end
    send(next_, "number", number + 1)
  end
end

-- Ten that stand in a ring, of which the last gives the number back.
function many.ring()
  local sim = require("sim")
  local last, players = process.pid(), {}
  for i = 1, 10 do
    last = process.spawn("sim.many:player", "sim:processes", last)
    players[i] = last
  end
  for round = 1, 5 do
    send(last, "number", round)
    local number = process.inbox():receive():payload():data()
    sim.always("everybody adds one", number == round + 10)
  end
  for i = 1, 10 do
    send(players[i], "number", 0)
  end
end

return many
