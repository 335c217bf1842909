-- Keeps a number: `get` asks for it, `set` writes it, `add` adds to it.
local counter = {}

function counter.keep()
  local value = 0
  while true do
    local message = process.inbox():receive()
    local data = message:payload():data()
    if message:topic() == "get" then
      process.send(message:from(), "value", value)
    elseif message:topic() == "set" then
      value = data
    elseif message:topic() == "add" then
      value = value + data
    end
  end
end

return counter
