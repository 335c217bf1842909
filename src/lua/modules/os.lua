-- `os`: time and dates, in UTC. Nothing else of the operating system.
local k = ...
local command, type, format, error, floor = k.command, type, format, error, math.floor
local civil, days = k.module("calendar").civil, k.module("calendar").days

local function now()
  local ns, why = command("now")
  if not ns then error(k.c.tostring(why), 0) end
  return ns // 1000000000
end

local started
local function field(t, name, default)
  local value = t[name]
  if value == nil then value = default end
  local whole = math.tointeger(value) or (type(value) == "number" and math.tointeger(floor(value))) or math.tointeger(tonumber(value))
  if not whole then error(format("field '%s' missing in date table, or no number", name), 3) end
  return whole
end

local function parts(seconds)
  local day, rest = seconds // 86400, seconds % 86400
  local year, month, mday = civil(day)
  return {
    year = year, month = month, day = mday, hour = rest // 3600, min = rest // 60 % 60, sec = rest % 60,
    wday = (day + 4) % 7 + 1, yday = day - days(year, 1, 1) + 1, isdst = false,
  }
end

local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" }
local DAYS = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
k.MONTHS, k.DAYS = MONTHS, DAYS

local written
local FIELDS = {
  Y = function(t) return format("%d", t.year) end,
  y = function(t) return format("%02d", t.year % 100) end,
  m = function(t) return format("%02d", t.month) end,
  d = function(t) return format("%02d", t.day) end,
  e = function(t) return format("%2d", t.day) end,
  H = function(t) return format("%02d", t.hour) end,
  I = function(t) return format("%02d", (t.hour + 11) % 12 + 1) end,
  M = function(t) return format("%02d", t.min) end,
  S = function(t) return format("%02d", t.sec) end,
  p = function(t) return t.hour < 12 and "AM" or "PM" end,
  A = function(t) return DAYS[t.wday] end,
  a = function(t) return sub(DAYS[t.wday], 1, 3) end,
  B = function(t) return MONTHS[t.month] end,
  b = function(t) return sub(MONTHS[t.month], 1, 3) end,
  w = function(t) return format("%d", t.wday - 1) end,
  j = function(t) return format("%03d", t.yday) end,
  U = function(t)
    local monday = (t.wday + 5) % 7
    local week = (t.yday - 1 - monday + 10) // 7
    return format("%02d", week < 1 and 52 or week)
  end,
  z = function() return "+0000" end,
  Z = function() return "UTC" end,
  c = function(t) return written("%a %b %e %H:%M:%S %Y", t) end,
  x = function(t) return written("%m/%d/%y", t) end,
  D = function(t) return written("%m/%d/%y", t) end,
  X = function(t) return written("%H:%M:%S", t) end,
  T = function(t) return written("%H:%M:%S", t) end,
  F = function(t) return written("%Y-%m-%d", t) end,
  R = function(t) return written("%H:%M", t) end,
  n = function() return "\n" end,
  t = function() return "\t" end,
  ["%"] = function() return "%" end,
}
function written(how, t)
  return (string.gsub(how, "%%(.?)", function(name)
    local make = FIELDS[name]
    return make and make(t) or "%" .. name
  end))
end

return {
  platform = "wippy",
  time = function(t)
    if t == nil then return now() end
    if type(t) ~= "table" then error(k.bad(1, "time", "table", t), 2) end
    local today = (t.year == nil or t.month == nil or t.day == nil) and parts(now()) or {}
    local year, month = field(t, "year", today.year), field(t, "month", today.month) - 1
    year, month = year + month // 12, month % 12 + 1
    local day = days(year, month, 1) + field(t, "day", today.day) - 1
    return day * 86400 + field(t, "hour", 0) * 3600 + field(t, "min", 0) * 60 + field(t, "sec", 0)
  end,
  clock = function()
    local ns, why = command("clock")
    if not ns then error(k.c.tostring(why), 0) end
    started = started or ns
    return (ns - started) / 1e9
  end,
  difftime = function(a, b) return (a - (b or 0)) * 1.0 end,
  date = function(how, time)
    how = how == nil and "%c" or k.c.tostring(how)
    if sub(how, 1, 1) == "!" then how = sub(how, 2) end
    local seconds = time == nil and now() or math.tointeger(time) or math.tointeger(floor(time))
    local t = parts(seconds)
    if sub(how, 1, 2) == "*t" then return t end
    return written(how, t)
  end,
  getenv = function() error("os.getenv is not there: `env.get` knows the variables of the project", 2) end,
}
