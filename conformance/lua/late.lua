-- Functions of the library that are made when they are first wanted look as if they
-- had always been there.
local concat, own = table.concat, {}
for _, name in ipairs{ "string", "table", "coroutine", "math", "utf8" } do
  local names = {}
  for key in pairs(_G[name]) do names[#names + 1] = key end
  table.sort(names)
  own[#own + 1] = name .. ": " .. concat(names, " ")
end
return { main = function()
  print(concat(own, "\n"))
  print(string.dump, string.nothing, math.nothing, coroutine.nothing)
  -- What a program sets stays, and what it takes away is gone.
  string.rep = function() return "mine" end
  string.upper = nil
  print(("x"):rep(3), string.upper, pcall(function() return ("x"):upper() end))
  math.random = nil
  print(math.random, math.randomseed ~= nil)
  -- The parts do not depend on what a program makes of its globals.
  type, error, tostring, string, table, math, next, select, getmetatable = nil
  local ch = channel.new(1)
  ch:send("through")
  print(ch:receive())
  print(("a-b"):gsub("%w", "<%0>"))
  print(pcall(channel.new, -1))
  print(errors.new("text"):message())
  return (pcall(load, 5))
end }
