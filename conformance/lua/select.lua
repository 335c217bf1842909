-- modules: time
local time = require("time")
local M = {}
local function show(r)
  if r.default then return "default" end
  return ("%s %s %s"):format(r.channel.name, tostring(r.value), tostring(r.ok))
end
local function named(name, size)
  local ch = channel.new(size)
  ch.name = name
  return ch
end
function M.main()
  local a, b = named("a", 1), named("b", 1)
  print(show(channel.select{ a:case_receive(), b:case_receive(), default = true }))
  b:send(1)
  print(show(channel.select{ a:case_receive(), b:case_receive(), default = true }))
  print(show(channel.select{ a:case_send("x"), b:case_receive() }))
  print("sent", a:receive())
  -- Each of several that are ready gets its turn.
  local count = { a = 0, b = 0 }
  for i = 1, 100 do
    channel.select{ a:case_send(i), default = true }
    channel.select{ b:case_send(i), default = true }
    local r = channel.select{ a:case_receive(), b:case_receive() }
    count[r.channel.name] = count[r.channel.name] + 1
  end
  print("both have turns", count.a > 20, count.b > 20)
  while not channel.select{ a:case_receive(), b:case_receive(), default = true }.default do end
  -- A select that waits leaves every queue when one case is taken.
  coroutine.spawn(function() b:send("late") end)
  print(show(channel.select{ a:case_receive(), b:case_receive() }))
  a:send("kept")
  print(show(channel.select{ a:case_receive(), b:case_receive() }))
  -- Time out.
  local r = channel.select{ a:case_receive(), time.after("20ms"):case_receive() }
  print("timed out", r.channel ~= a, r.ok)
  -- A waiting send.
  local u = named("u")
  coroutine.spawn(function() time.sleep("1ms") print("got", u:receive()) end)
  print(show(channel.select{ u:case_send(5), a:case_receive() }))
  -- Closed channels are always ready.
  u:close()
  print(show(channel.select{ a:case_receive(), u:case_receive() }))
  print(pcall(channel.select, { u:case_send(1) }))
  print(pcall(channel.select, { 1 }))
  return true
end
return M
