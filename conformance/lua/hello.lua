-- modules: io
local io = require("io")
local M = {}
function M.main(a, b)
  io.print("hello", a + b, process.pid(), process.id())
  print("a", nil, true)
  return a * b
end
return M
