local hostile = {}

-- Works for ever.
function hostile.spin()
  while true do end
end

-- Starts others, as many as it can.
function hostile.spawn()
  while true do
    process.spawn("sim.hostile:wait", "sim:processes")
  end
end

-- Sends itself more than it may have.
function hostile.flood()
  while true do
    process.send(process.pid(), "more", ("x"):rep(1000))
  end
end

-- Takes all the memory that it can have.
function hostile.fill()
  local all = {}
  while true do
    all[#all + 1] = ("x"):rep(100000) .. #all
  end
end

-- Sleeps again and again.
function hostile.sleep()
  while true do
    require("time").sleep("10m")
  end
end

-- Waits for what nobody sends.
function hostile.wait()
  process.inbox():receive()
end

-- Starts what is not there.
function hostile.nobody()
  return process.spawn("sim.hostile:noone", "sim:processes")
end

return hostile
