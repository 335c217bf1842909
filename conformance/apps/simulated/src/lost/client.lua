-- Adds one to the counter. To read and to write are two messages, and that is the
-- mistake; whoever is careful sends one.
local client = {}

local function send(...)
  -- A mailbox that is full has room again.
  while not process.send(...) do
    require("time").sleep("1ms")
  end
end

function client.add(counter, careful)
  if careful then
    send(counter, "add", 1)
    return
  end
  send(counter, "get")
  local value = process.inbox():receive():payload():data()
  send(counter, "set", value + 1)
end

return client
