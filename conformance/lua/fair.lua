-- modules: time
-- Channels stay whole, wherever a coroutine is interrupted.
local time = require("time")
return { main = function()
  local work, done, n = channel.new(3), channel.new(), 20000
  for w = 1, 4 do
    coroutine.spawn(function()
      local count, sum = 0, 0
      while true do
        local v, ok = work:receive()
        if not ok then break end
        count, sum = count + 1, sum + v
      end
      done:send({ count = count, sum = sum })
    end)
  end
  local quit = channel.new()
  coroutine.spawn(function()
    for i = 1, n do channel.select{ work:case_send(i), quit:case_receive() } end
    work:close()
  end)
  local count, sum, idle = 0, 0, 0
  for w = 1, 4 do
    local r = done:receive()
    if r.count == 0 then idle = idle + 1 end
    count, sum = count + r.count, sum + r.sum
  end
  print(count == n, sum == n * (n + 1) // 2, idle)
  return true
end }
