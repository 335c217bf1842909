-- modules: time io
-- What a program does to its strings does not reach the modules.
local time, io = require("time"), require("io")
return { main = function()
  local meta = getmetatable("")
  meta.__index = function(_, name) return function() return "tampered " .. name end end
  print(("x"):upper())
  print(process.listen("@events"))
  print(pcall(channel.new, -1))
  print(pcall(time.sleep, "q"))
  print(time.unix(1, 500000000):format())
  print(io.readline(), io.readline())
  print(string.gsub("a-b", "%w", function(c) return "<" .. c .. ">" end))
  -- Neither is one channel made of another thing.
  local fake = setmetatable({ size = 1 }, { __metatable = false })
  print(pcall(channel.select, { { channel = fake } }))
  print(pcall(setmetatable, channel.new(), {}))
  print(pcall(setmetatable, string, {}))
  meta.__index = string
  return ("through"):upper()
end }
