-- Time: asked for and waited for outside, in nanoseconds.
local k = ...
k.module("channel")
local command, offer, setmetatable, type, format = k.command, k.offer, setmetatable, type, format
local channel, spawn = k.module("channel"), coroutine.spawn

local time = {
  NANOSECOND = 1, MICROSECOND = 1000, MILLISECOND = 1000000, SECOND = 1000000000,
  MINUTE = 60000000000, HOUR = 3600000000000, RFC3339 = "RFC3339",
}

-- Nanoseconds of "1m30s", or of a number of them.
local function duration(d, level)
  local ns = k.duration(d)
  if not ns then
    error(format("'%s' is no duration; write one like \"150ms\", or a number of nanoseconds", tostring(d)), level + 1)
  end
  return ns
end

-- That much after now; the end of time is never reached.
local function after(now, ns)
  if now > 0 and ns > math.maxinteger - now then return math.maxinteger end
  return now + ns
end
local function sleep(until_) return command("sleep", until_) end
local function clock()
  local now, why = command("clock")
  if not now then error(tostring(why), 0) end
  return now
end

function time.parse_duration(d)
  local ns = k.duration(d)
  if ns then return ns end
  return nil, k.error("INVALID", format("'%s' is no duration", tostring(d)), false)
end

function time.sleep(d)
  local ns = duration(d, 2)
  local _, why = sleep(after(clock(), ns))
  if why then return nil, why end
  return true
end

local moment = {}
moment.__index, moment.__name = moment, "time"
local function at(ns) return setmetatable({ ns = ns }, moment) end
function moment:unix() return self.ns // 1000000000 end
function moment:unix_milli() return self.ns // 1000000 end
function moment:unix_nano() return self.ns end
function moment:add(d) return at(after(self.ns, duration(d, 2))) end
function moment:sub(other)
  if getmetatable(other) ~= moment then error(k.bad(1, "sub", "time", other), 2) end
  return self.ns - other.ns
end
function moment.__eq(a, b) return a.ns == b.ns end
function moment.__lt(a, b) return a.ns < b.ns end
function moment.__le(a, b) return a.ns <= b.ns end

-- Year, month and day of a number of days since 1970-01-01.
local function civil(days)
  local z = days + 719468
  local era = z // 146097
  local doe = z - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local day, month = doy - (153 * mp + 2) // 5 + 1, mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (month <= 2 and 1 or 0), month, day
end
-- The moment in UTC, as RFC 3339 has it.
function moment:format()
  local seconds, ns = self.ns // 1000000000, self.ns % 1000000000
  local year, month, day = civil(seconds // 86400)
  local text = format(
    "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
  if ns ~= 0 then
    local digits = 9
    while ns % 10 == 0 do ns, digits = ns // 10, digits - 1 end
    text = text .. format(".%0" .. digits .. "d", ns)
  end
  return text .. "Z"
end
moment.__tostring = moment.format

function time.now()
  local ns, why = command("now")
  if not ns then return nil, why end
  return at(ns)
end
-- The nanoseconds since 1970 of an integer reach to the year 2262.
local MAX_SECONDS = math.maxinteger // 1000000000 - 1
function time.unix(seconds, ns)
  if type(seconds) ~= "number" then error(k.bad(1, "unix", "number", seconds), 2) end
  local whole = math.tointeger(seconds // 1)
  if not whole or whole > MAX_SECONDS or whole < -MAX_SECONDS then
    error("bad argument #1 to 'unix' (a time between the years 1678 and 2261 expected)", 2)
  end
  local rest = math.tointeger((seconds - whole) * 1000000000 // 1)
  return at(after(whole * 1000000000 + rest, math.tointeger(ns or 0) or 0))
end

-- A timer is a coroutine of its own that sleeps and then offers the time.
local function start(ns, every)
  local ch = channel.new(1)
  local timer = { ch = ch, turn = 0 }
  function timer.run(wait)
    timer.turn = timer.turn + 1
    local turn, next_ = timer.turn, after(clock(), wait)
    timer.active = true
    spawn(function()
      while true do
        sleep(next_)
        if timer.turn ~= turn then return end
        offer(ch, at((command("now")) or 0))
        if not every then
          timer.active = false
          return
        end
        next_ = after(next_, every)
        local now = clock()
        if next_ < now then next_ = now end
      end
    end)
  end
  timer.run(ns)
  return timer
end

function time.after(d)
  return start(duration(d, 2)).ch
end

local timers = {}
timers.__index, timers.__name = timers, "timer"
function timers:channel() return self[1].ch end
function timers:response() return self[1].ch end
-- Whether it was still running.
function timers:stop()
  local timer = self[1]
  local was = timer.active
  timer.active, timer.turn = false, timer.turn + 1
  return was
end
function timers:reset(d)
  local ns, was = duration(d, 2), self:stop()
  self[1].run(ns)
  return was
end
function time.timer(d) return setmetatable({ start(duration(d, 2)) }, timers) end
function time.ticker(d)
  local ns = duration(d, 2)
  if ns < 1 then error("a ticker needs a duration above 0", 2) end
  return setmetatable({ start(ns, ns) }, timers)
end

return time
