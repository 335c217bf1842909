-- Go's rules for channels, one line each.
local M = {}
local function try(f, ...)
  local ok, why = pcall(f, ...)
  return ok and "ok" or why
end
function M.main()
  local ch = channel.new(2)
  ch:send("a") ch:send("b")
  print("buffered", ch:receive(), ch:receive())
  ch:send("c") ch:close()
  print("closed, with a value in it", ch:receive())
  print("closed and empty", ch:receive())
  print("send on closed", try(ch.send, ch, 1))
  print("close twice", try(ch.close, ch))

  local un = channel.new()
  local log = {}
  coroutine.spawn(function()
    for i = 1, 3 do
      log[#log + 1] = "sending " .. i
      un:send(i)
    end
    un:close()
  end)
  while true do
    local v, ok = un:receive()
    if not ok then break end
    log[#log + 1] = "received " .. v
  end
  print("unbuffered", table.concat(log, ", "))

  -- Senders wait in the order in which they came.
  local order = channel.new(1)
  for i = 1, 4 do coroutine.spawn(function() order:send(i) end) end
  time_to_run = channel.new()
  coroutine.spawn(function() time_to_run:send(true) end)
  time_to_run:receive()
  print("in order", order:receive(), order:receive(), order:receive(), order:receive())

  -- Closing wakes all receivers; a waiting sender gets an error.
  local wake, done = channel.new(), channel.new(3)
  for i = 1, 2 do coroutine.spawn(function() done:send({ wake:receive() }) end) end
  coroutine.yield()
  wake:close()
  local one, two = done:receive(), done:receive()
  print("receivers of a closed channel", one[1], one[2], two[1], two[2])
  local full = channel.new()
  coroutine.spawn(function() done:send(select(2, pcall(full.send, full, 1))) end)
  coroutine.yield()
  full:close()
  print("sender to a channel that closes", done:receive())
  local n = channel.new(1)
  n:send(nil)
  print("nil is a value", n:receive())
  print("bad sizes", try(channel.new, -1), try(channel.new, "x"))
  return true
end
return M
