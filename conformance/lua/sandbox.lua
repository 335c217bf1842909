-- modules: time
-- What a process does not have.
local M = {}
local function gone(name)
  local value = _G
  for part in name:gmatch("[^.]+") do value = value and value[part] end
  print(name, type(value))
end
function M.main()
  for _, name in ipairs{ "io", "os", "debug", "package", "dofile", "loadfile", "string.dump", "warn",
    "os.execute", "debug.getregistry", "package.loadlib" } do gone(name) end
  print(load("\27Lua"))
  print(load("return 1", "x", "b"))
  print(load("return 1 + 1")(), load("syntax error here"))
  print(type(load(function() return nil end)))
  local pieces = { "return ", "7" }
  print(load(function() return table.remove(pieces, 1) end)())
  print(load(function() error("no more", 0) end))
  print(load(("x = 1 "):rep(100000)))
  print(load("return y", "chunk", "t", { y = 3 })())
  print(pcall(collectgarbage), pcall(collectgarbage, "stop"), collectgarbage("count") > 10)
  print(pcall(setmetatable, {}, { __gc = function() end }))
  print(require("os") == os, os.execute, os.exit, io.open, io.popen)
  print(pcall(require, "jsn"))
  print(pcall(require, "json"))
  print(require("process") == process, require("channel") == channel, require("errors") == errors)
  -- Random numbers come from a command, so they are the same here.
  print(math.random(1000), math.random(1000))
  math.randomseed(5)
  local x = math.random()
  math.randomseed(5)
  print(x == math.random())
  -- Globals are the process's own.
  setmetatable(_G, { __index = function(_, name) return "no " .. name end })
  print(undefined, type(channel), type(errors))
  print(getmetatable("").__index == string, getmetatable(channel.new()))
  return true
end
return M
