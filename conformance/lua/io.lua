-- modules: io env logger
local io, env, logger = require("io"), require("env"), require("logger")
return { main = function()
  io.write("a", 1, 2.5, "\n")
  io.print("tab", nil, true)
  io.eprint("to stderr")
  print(io.readline(), io.readline())
  print(io.read(2), io.read(), io.read(1), io.readline())
  print(table.concat(io.args(), " "))
  print(env.get("GREETING"))
  print(env.get("HOME"))
  logger.info("a message", { with = "fields" })
  logger.error("another")
  return true
end }
