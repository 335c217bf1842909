-- modules: time
local time = require("time")
local M = {}
function M.main()
  local start = time.now()
  print(time.sleep("150ms"), time.now():sub(start):milliseconds())
  time.sleep(2 * time.SECOND)
  print(time.now():sub(start):milliseconds())
  print(start, start:unix(), start:unix_nano(), start:add("1h"):format())
  print(time.unix(951782399):format(), time.unix(0, 5000000):format())
  print(time.after("10ms"):receive():sub(start):milliseconds())
  -- A ticker drops what nobody takes, and ends when it is stopped.
  local ticker, ticks = time.ticker("100ms"), {}
  for i = 1, 3 do ticks[i] = ticker:channel():receive():sub(start):milliseconds() end
  time.sleep("450ms")
  ticks[4] = ticker:channel():receive():sub(start):milliseconds()
  print(table.concat(ticks, " "), ticker:stop(), ticker:stop())
  -- A timer that is stopped stays silent; one that is reset comes later.
  local timer = time.timer("50ms")
  print(timer:stop(), timer:reset("70ms"))
  local before = time.now()
  timer:channel():receive()
  print(time.now():sub(before):milliseconds(), timer:stop())
  -- Sleepers wake in the order of their times.
  local done = channel.new(3)
  for _, ms in ipairs{ 30, 10, 20 } do
    coroutine.spawn(function() time.sleep(ms .. "ms") done:send(ms) end)
  end
  print(done:receive(), done:receive(), done:receive())
  print(pcall(time.sleep, "soon"))
  print(time.parse_duration("1h30m"), time.parse_duration("x"))
  print(time.now() < time.now(), start <= start, start == start:add(0))
  return true
end
return M
