-- Fails twice before it succeeds, and says that it is worth another try.
local env = require("env")

local function main(): (string?, error?)
  local attempt = integer(env.get("ATTEMPTS")) + 1
  env.set("ATTEMPTS", string(attempt))
  if attempt < 3 then
    return nil, errors.new({ message = "not yet", kind = errors.UNAVAILABLE, retryable = true })
  end
  return "done at attempt " .. attempt
end

return { main = main }
