-- modules: time
-- Nobody holds the others up: an endless loop runs in slices.
local time = require("time")
return { main = function()
  local turns, stop = 0, false
  coroutine.spawn(function() while not stop do turns = turns + 1 end end)
  for i = 1, 5 do coroutine.yield() end
  print("the loop had turns", turns > 100)
  -- Inside pcall, a coroutine, a metamethod, a sort, a gsub, an iterator.
  local function long() for i = 1, 50000 do end return "through" end
  print(pcall(long))
  print(coroutine.wrap(function() return long() end)())
  print(setmetatable({}, { __index = function() return long() end }).x)
  local t = { 3, 1, 2 }
  table.sort(t, function(a, b) long() return a < b end)
  print(t[1], t[2], t[3])
  print((("abc"):gsub(".", function(c) long() return c:upper() end)))
  for w in ("x y"):gmatch("%a") do long() end
  -- A coroutine waits in the middle of all that.
  local ch = channel.new()
  coroutine.spawn(function() for i = 1, 10 do ch:send(i) end end)
  print(pcall(function() return ch:receive() end))
  print((("ab"):gsub(".", function() return ch:receive() end)))
  local gen = coroutine.wrap(function() while true do coroutine.yield(ch:receive() * 10) end end)
  print(gen(), gen())
  local s = { 3, 1, 2 }
  table.sort(s, function(a, b) time.sleep("1ms") return a < b end)
  print(s[1], s[2], s[3])
  -- Where C is in between, it cannot.
  print(pcall(tostring, setmetatable({}, { __tostring = function() return ch:receive() .. "" end })))
  print(pcall(tostring, setmetatable({}, { __tostring = function() time.sleep(1) return "" end })))
  print(pcall(tostring, setmetatable({}, { __tostring = function() return ch:receive() end })))
  stop = true
  return "done"
end }
