-- Does what it can with the operator's terminal.
local evil = "\27]0;pwned\7\27[2Jred\u{9b}31m\u{202e}live\u{2066}\u{200b}\u{2028}\r\nerror: forged"

local function fail()
  error(evil)
end

local function returns()
  return evil
end

local function table()
  return { [evil] = evil, list = { evil } }
end

local function err()
  return nil, errors.new({ message = evil, kind = errors.INVALID, details = { [evil] = evil } })
end

local function prints()
  local io = require("io")
  io.print("the terminal is \27[1mmine\27[0m")
end

local function spawns()
  local function told(value, why)
    return tostring(value) .. " " .. tostring(why)
  end
  local out = {
    told(process.spawn(evil, "app:processes")),
    told(process.spawn("app:" .. evil, "app:processes")),
    told(process.spawn("app:lua-error", evil)),
    told(process.send(evil, "topic", 1)),
    told(process.registry.register(evil)),
    told(process.cancel(evil, evil)),
  }
  error(_G.table.concat(out, "\n"))
end

return {
  fail = fail, returns = returns, table = table, err = err, prints = prints,
  spawns = spawns,
}
