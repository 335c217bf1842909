local time = require("time")

local function main(duration: string): string
  time.sleep(duration)
  return duration
end

return { main = main }
