-- All that Lua makes of seeds, addresses and time.
local time, json, io = require("time"), require("json"), require("io")

-- The order of keys of each sort, and where a table with holes ends.
local function order()
  local keys, seen = {}, {}
  for i = 1, 40 do
    keys["key " .. i * 7919] = true
    keys[{}] = true
    keys[function() return i end] = true
    keys[i * 1.5] = true
    keys[coroutine.create(print)] = true
  end
  for _, f in ipairs({ print, pairs, string.rep, math.floor, table.concat, next, utf8.char, getmetatable("").__add }) do
    keys[f or 1] = true
  end
  keys[(pairs({}))], keys[(ipairs({}))], keys[(utf8.codes(""))], keys[json.null] = true, true, true, true
  for k in pairs(keys) do
    seen[#seen + 1] = tostring(k)
    if #seen % 3 == 0 then keys[k] = nil end
  end
  for k in next, keys do seen[#seen + 1] = type(k) end
  local holes = {}
  for i, k in ipairs(seen) do
    holes[i % 13 + 1], holes[k] = i, i
    if i % 5 == 0 then holes[i % 11] = nil end
  end
  seen[#seen + 1] = #holes
  return table.concat(seen, "\n")
end

-- When garbage is collected, and how much there is.
local function garbage()
  local weak, rounds = setmetatable({}, { __mode = "v" }), {}
  for round = 1, 30 do
    for i = 1, 50 do weak[i] = { tostring(i), ("x"):rep(i * round) } end
    local alive = 0
    for i = 1, 50 do
      local _ = { {}, {}, ("y"):rep(1000) .. i }
      if weak[i] then alive = alive + 1 end
    end
    rounds[round] = alive .. " " .. collectgarbage("count")
  end
  return table.concat(rounds, "\n")
end

-- What texts show of addresses.
local function texts()
  local t, named = {}, setmetatable({}, { __name = "named" })
  local shown = {
    tostring(t), tostring(named), tostring(print), tostring(texts), tostring(coroutine.running()),
    ("%s %p %10p|%-30s|%q %%p %d"):format(t, t, print, named, "a", 3), ("%p %p"):format(1, nil),
    tostring(setmetatable({}, { __tostring = function() return "x: 0x12" end })),
    select(2, pcall(error, t)) == t, select(2, pcall(string.format, "%d", "x")), select(2, pcall(tostring)),
  }
  for i, text in ipairs(shown) do shown[i] = tostring(text) end
  return table.concat(shown, "\n")
end

-- A long operation, and long strings.
local function long()
  local zeros, text = ("\0"):rep(1 << 20), ("ab"):rep(1 << 18)
  local same = 0
  for _ = 1, 2 do
    if zeros .. "a" < zeros .. "b" then same = same + 1 end
    if not pcall(string.find, text, "a.-b.-c") then same = same + 1 end
  end
  return same .. " " .. collectgarbage("count")
end

return {
  main = function(...)
    print(order())
    print(garbage())
    print(texts())
    print(long())
    print(math.random(1 << 40), math.random(), time.now():format())
    math.randomseed(7)
    print(math.random(1 << 40))
    local line = io.readline()
    print(line, time.sleep("1ms"), json.encode({ b = 1, a = { 2, 3 } }))
    local ticks, quick = time.ticker("1ms"), time.after("5ms")
    for _ = 1, 3 do
      local got = channel.select({ ticks:channel():case_receive(), quick:case_receive() })
      print(got.channel == quick)
    end
    print(order())
    print(collectgarbage("count"))
    return { ..., when = time.now():unix_nano() }
  end,
}
