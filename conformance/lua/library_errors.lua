-- modules: time json
-- Wrong uses are told with the names that they have in the manual.
local time, json = require("time"), require("json")
return { main = function()
  process.events()
  for _, call in ipairs{
    { string.format, "%s %d", "x" }, { string.find, "a", "a", {} }, { string.gsub, "a", "a", "", "x" }, { string.rep, "x", 2.5 },
    { string.find, "a", "[" }, { table.insert, nil, 1 }, { table.remove, 5 }, { table.sort, "x" },
    { table.concat, { 1, {} } }, { table.move, { 1 }, 1, math.maxinteger, 2 },
    { table.move, { 1 }, 0, math.maxinteger, 2 }, { math.random, 5, 1 }, { setmetatable, 5, {} },
    { channel.new, 1.5 }, { time.unix }, { time.unix, 1e18 }, { time.unix, 0 / 0 },
    { time.now().sub, time.now() }, { process.listen, 5 },
  } do
    local _, why = pcall(table.unpack(call))
    print(why)
  end
  print(json.decode(5))
  print(process.send(5, "topic"))
  print(process.cancel(process.pid(), "why", "soon"))
  -- What only looks wrong.
  print((pcall(channel.new, 2.0)))
  print(#table.move({ 1, 2, 3 }, 1, 3, 2), #table.move({ 1, 2, 3 }, 2, 1, math.maxinteger))
  print(time.unix(-1):format(), time.unix(1.5):unix_nano(), time.unix(9e9):add("5m"):format())
  print(time.unix(0):add(math.maxinteger):unix_nano() == math.maxinteger)
  print(process.cancel(process.pid(), "why", "100ms"))
end }
