-- modules: sim
local sim = require("sim")
local M = {}
function M.main()
  print(sim.always("sum", 1 + 1 == 2))
  print(sim.sometimes("late", nil))
  print(sim.reachable("here"))
  -- A name is a text, and what holds is true or false.
  print(sim.always("number", 1))
  print(sim.always(nil, true))
  print(sim.reachable(""))
end
return M
