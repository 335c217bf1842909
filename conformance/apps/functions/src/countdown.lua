-- Calls itself as often as it is told. Each call waits for the next, and keeps its turn.
local funcs = require("funcs")

return {
  main = function(n)
    if n == 0 then return "done" end
    return funcs.call("app:countdown", n - 1)
  end,
}
