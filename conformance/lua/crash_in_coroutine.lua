-- modules: time
local time = require("time")
return { main = function()
  coroutine.spawn(function() error("a coroutine that fails ends the process") end)
  time.sleep("1s")
  print("not reached")
end }
