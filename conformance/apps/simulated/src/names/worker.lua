local worker = {}

-- Takes a name, or waits for the end of who has it and tries again.
local function take(name)
  while not process.registry.register(name) do
    local owner = process.registry.lookup(name)
    if owner then
      process.monitor(owner)
      process.events():receive()
    end
  end
end

function worker.work(first, second)
  process.events()
  take(first)
  take(second)
end

return worker
