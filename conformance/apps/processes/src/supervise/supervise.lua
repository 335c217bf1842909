local process = require("process")
local time = require("time")

local function main()
  -- Spawn with monitoring
  local pid, err = process.spawn_monitored(
    "myns:compute_worker", -- entry ID
    "myns:processes",      -- process host
    6, 7                   -- arguments passed to the WASM function
  )
  if err then
    error("spawn failed: " .. tostring(err))
  end

  -- Wait for the process to complete, but not for ever
  local events = process.events()
  local selected = channel.select {
    events:case_receive(),
    time.after("5s"):case_receive(),
  }
  if selected.channel ~= events then
    process.terminate(pid)
    return nil, errors.new({ message = pid .. " takes too long", kind = "TIMEOUT" })
  end

  local event = selected.value
  if event.kind == process.event.EXIT then
    if event.result.error then
      return nil, event.result.error
    end
    return "6 and 7 make " .. event.result.value
  end
end

return { main = main }
