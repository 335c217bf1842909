local scenario = {}

function scenario.run(how)
  local host = "sim:processes"
  process.spawn_monitored("sim.names:worker", host, "left", "right")
  if how == "careful" then
    process.spawn_monitored("sim.names:worker", host, "left", "right")
  else
    process.spawn_monitored("sim.names:worker", host, "right", "left")
  end
  for _ = 1, 2 do
    process.events():receive()
  end
end

return scenario
