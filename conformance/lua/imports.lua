-- modules: time
local util = require("app:util")
return { main = function()
  print(util.twice(21), require("app:util") == util, util.loads)
  util.global()
  print(seen)
  print(pcall(require, "app:broken"), pcall(require, "app:broken"))
  print(pcall(require, "app:circle"))
  -- Two that want the same library at once.
  local both = channel.new(2)
  for i = 1, 2 do coroutine.spawn(function() both:send(require("app:slow")) end) end
  print(both:receive() == both:receive(), loads)
  util.fail()
end }
