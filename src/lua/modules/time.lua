-- Time: asked for and waited for outside. A Time is a number of seconds since 1970, the
-- nanoseconds beyond, and where its date is told; a Duration is a number of nanoseconds.
local k = ...
k.module("channel")
local command, offer, setmetatable, type, format = k.command, k.offer, setmetatable, type, format
local channel, spawn = k.module("channel"), coroutine.spawn
local calendar, layout = k.module("calendar"), k.module("layout")
local civil, days, tostring, error = calendar.civil, calendar.days, tostring, error
local tointeger, floor, match = math.tointeger, math.floor, string.match
local rawget, getmetatable = rawget, getmetatable

local SECOND = 1000000000
local time = {
  NANOSECOND = 1, MICROSECOND = 1000, MILLISECOND = 1000000, SECOND = SECOND,
  MINUTE = 60 * SECOND, HOUR = 3600 * SECOND,
  ANSIC = "Mon Jan _2 15:04:05 2006", UNIX_DATE = "Mon Jan _2 15:04:05 MST 2006",
  RFC822 = "02 Jan 06 15:04 MST", RFC850 = "Monday, 02-Jan-06 15:04:05 MST",
  RFC1123 = "Mon, 02 Jan 2006 15:04:05 MST", RFC1123Z = "Mon, 02 Jan 2006 15:04:05 -0700",
  RFC3339 = "2006-01-02T15:04:05Z07:00", RFC3339NANO = "2006-01-02T15:04:05.999999999Z07:00",
  RFC3339_NANO = "2006-01-02T15:04:05.999999999Z07:00", KITCHEN = "3:04PM",
  STAMP = "Jan _2 15:04:05", DATE_TIME = "2006-01-02 15:04:05", DATE_ONLY = "2006-01-02", TIME_ONLY = "15:04:05",
}
for number, name in next, { "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER" } do
  time[name] = number
end
for number, name in next, { "SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY" } do
  time[name] = number - 1
end

local function class(name)
  local methods = {}
  return methods, { __index = methods, __name = name, __metatable = k.opaque }
end

-- Durations.
local span, span_meta = class("duration")
local IS_SPAN = {}
local function length(ns) return setmetatable({ ns = ns, is = IS_SPAN }, span_meta) end
local function is_span(v) return type(v) == "table" and rawget(v, "is") == IS_SPAN end

local UNITS = { ns = 1, us = 1000, ["µs"] = 1000, ["μs"] = 1000, ms = 1000000, s = SECOND, m = 60 * SECOND, h = 3600 * SECOND }
-- The nanoseconds of "-1.5h30m"; nil if it is none.
local function measured(text)
  local sign, rest = match(text, "^([+-]?)(.+)$")
  if not rest then return nil end
  if rest == "0" then return 0 end
  local ns = 0
  while rest ~= "" do
    local number, unit, more = match(rest, "^(%d*%.?%d*)([a-zµμ]+)(.*)$")
    local value = number and tonumber(number)
    if not value or not UNITS[unit] then return nil end
    local whole = tointeger(value)
    if whole and whole <= math.maxinteger // UNITS[unit] then
      whole = whole * UNITS[unit]
    else
      whole = tointeger(floor(value * UNITS[unit] + 0.5))
    end
    if not whole or whole > math.maxinteger - ns then return nil end
    ns, rest = ns + whole, more
  end
  return sign == "-" and -ns or ns
end

-- The nanoseconds of a duration in any of its forms; nil if it is none.
local function nanoseconds(d)
  if is_span(d) then return d.ns end
  if type(d) == "number" then return tointeger(d) or (d == d and tointeger(floor(d))) or nil end
  if type(d) == "string" then return measured(d) end
  return nil
end
k.nanoseconds = nanoseconds
local function duration(d, level)
  local ns = nanoseconds(d)
  if not ns then
    error(format("'%s' is no duration; write one like \"150ms\", or a number of nanoseconds", tostring(d)), level + 1)
  end
  return ns
end

function span:nanoseconds() return self.ns end
function span:microseconds() return self.ns // 1000 end
function span:milliseconds() return self.ns // 1000000 end
function span:seconds() return self.ns / SECOND end
function span:minutes() return self.ns / (60 * SECOND) end
function span:hours() return self.ns / (3600 * SECOND) end
-- Digits of a fraction without zeros at the end.
local function fraction(number, digits)
  local text = match(format("%0" .. digits .. "d", number), "^(.-)0*$")
  return text == "" and "" or "." .. text
end
function span_meta.__tostring(d)
  local ns = d.ns
  if ns == 0 then return "0s" end
  local sign = ns < 0 and "-" or ""
  if ns < 0 then ns = -ns end
  if ns < 1000 then return format("%s%dns", sign, ns) end
  if ns < 1000000 then return format("%s%d%sµs", sign, ns // 1000, fraction(ns % 1000, 3)) end
  if ns < SECOND then return format("%s%d%sms", sign, ns // 1000000, fraction(ns % 1000000, 6)) end
  local text = format("%d%ss", ns // SECOND % 60, fraction(ns % SECOND, 9))
  if ns >= 60 * SECOND then text = format("%dm", ns // (60 * SECOND) % 60) .. text end
  if ns >= 3600 * SECOND then text = format("%dh", ns // (3600 * SECOND)) .. text end
  return sign .. text
end
span.string = span_meta.__tostring
function span_meta.__eq(a, b) return a.ns == b.ns end
function span_meta.__lt(a, b) return nanoseconds(a) < nanoseconds(b) end
function span_meta.__le(a, b) return nanoseconds(a) <= nanoseconds(b) end
function span_meta.__add(a, b) return length(duration(a, 2) + duration(b, 2)) end
function span_meta.__sub(a, b) return length(duration(a, 2) - duration(b, 2)) end
function span_meta.__unm(a) return length(-a.ns) end

function time.parse_duration(d)
  local ns = nanoseconds(d)
  if ns then return length(ns) end
  return nil, k.error("INVALID", format("'%s' is no duration", tostring(d)), false)
end

-- Places: where a date is told.
local place, place_meta = class("location")
function place:string() return self.name end
place_meta.__tostring = place.string
local function located(name, zone, offset) return setmetatable({ name = name, zone = zone, offset = offset }, place_meta) end
time.utc = located("UTC", nil, 0)
-- The same everywhere, so that a run can be repeated anywhere.
time.localtz = located("Local", nil, 0)
-- The seconds that the clocks there are ahead of UTC, and what they call it.
local function ahead(loc, seconds)
  if loc.zone then return k.zone(loc.zone, seconds) end
  return loc.offset, loc.name == "Local" and "UTC" or loc.name
end

function time.load_location(name)
  if type(name) ~= "string" or name == "" then
    return nil, k.error("INVALID", "the name of a location is a string that is not empty", false)
  end
  if name == "UTC" then return time.utc end
  if name == "Local" then return time.localtz end
  if not k.zone(name, 0) then
    return nil, k.error("NOT_FOUND", format("there is no location '%s'", name), false)
  end
  return located(name, name, 0)
end
function time.fixed_zone(name, offset)
  if type(name) ~= "string" then error(k.bad(1, "fixed_zone", "string", name), 2) end
  local seconds = tointeger(offset)
  if not seconds then error(k.bad(2, "fixed_zone", "integer", offset), 2) end
  return located(name, nil, seconds)
end

-- Times.
local moment, moment_meta = class("time")
local IS_TIME = {}
local function at(seconds, ns, loc)
  return setmetatable({ s = seconds + ns // SECOND, n = ns % SECOND, loc = loc, is = IS_TIME }, moment_meta)
end
local function is_time(v) return type(v) == "table" and rawget(v, "is") == IS_TIME end
local function other(t, name, level)
  if not is_time(t) then error(k.bad(1, name, "time", t), level + 1) end
  return t
end
k.time_at = function(ns) return at(0, ns, time.localtz) end

-- The seconds of the clock there, from 1970 on.
local function clock_seconds(t) return t.s + ahead(t.loc, t.s) end
local function date_of(t) return civil(clock_seconds(t) // 86400) end
local function seconds_of_day(t) return clock_seconds(t) % 86400 end

-- The time at which the clocks there show this.
local function shown(seconds, ns, loc)
  local offset = ahead(loc, seconds)
  local utc = seconds - offset
  local again = ahead(loc, utc)
  if again ~= offset then utc = seconds - again end
  return at(utc, ns, loc)
end
local function date(year, month, day, hour, minute, second, ns, loc)
  month = month - 1
  year, month = year + month // 12, month % 12 + 1
  local seconds = (days(year, month, 1) + day - 1) * 86400 + hour * 3600 + minute * 60 + second
  return shown(seconds + ns // SECOND, ns % SECOND, loc)
end

local function place_of(loc, position, name)
  if loc == nil then return time.localtz end
  if type(loc) == "table" and rawget(loc, "offset") then return loc end
  error(k.bad(position, name, "location", loc), 3)
end
function time.date(...)
  local parts = { ... }
  for i = 1, 7 do
    local value = parts[i]
    if value == nil and i > 3 then value = 0 end
    local whole = type(value) == "number" and (tointeger(value) or tointeger(floor(value)))
    if not whole or whole > 1 << 50 or whole < -1 << 50 then error(k.bad(i, "date", "number", parts[i]), 2) end
    parts[i] = whole
  end
  if parts[1] > 999999 or parts[1] < -999999 then error("bad argument #1 to 'date' (a year up to 999999 expected)", 2) end
  return date(parts[1], parts[2], parts[3], parts[4], parts[5], parts[6], parts[7], place_of(parts[8], 8, "date"))
end

function moment:year() return (date_of(self)) end
function moment:month() return (select(2, date_of(self))) end
function moment:day() return (select(3, date_of(self))) end
function moment:date() return date_of(self) end
function moment:hour() return seconds_of_day(self) // 3600 end
function moment:minute() return seconds_of_day(self) // 60 % 60 end
function moment:second() return seconds_of_day(self) % 60 end
function moment:clock()
  local seconds = seconds_of_day(self)
  return seconds // 3600, seconds // 60 % 60, seconds % 60
end
function moment:nanosecond() return self.n end
function moment:weekday() return (clock_seconds(self) // 86400 + 4) % 7 end
function moment:year_day()
  local day = clock_seconds(self) // 86400
  return day - days(civil(day), 1, 1) + 1
end
function moment:unix() return self.s end
function moment:unix_milli() return self.s * 1000 + self.n // 1000000 end
function moment:unix_micro() return self.s * 1000000 + self.n // 1000 end
function moment:unix_nano() return self.s * SECOND + self.n end
local ZERO = days(1, 1, 1) * 86400
function moment:is_zero() return self.s == ZERO and self.n == 0 end
function moment:location() return self.loc end
function moment:utc() return at(self.s, self.n, time.utc) end
function moment:in_local() return at(self.s, self.n, time.localtz) end
function moment:in_location(loc) return at(self.s, self.n, place_of(loc, 1, "in_location")) end

local function plus(t, ns)
  return at(t.s + ns // SECOND, t.n + ns % SECOND, t.loc)
end
function moment:add(d) return plus(self, duration(d, 2)) end
function moment:sub(t)
  other(t, "sub", 2)
  local seconds = self.s - t.s
  -- Beyond some 292 years it is the longest that there is.
  if seconds > 9223372035 then return length(math.maxinteger) end
  if seconds < -9223372035 then return length(math.mininteger) end
  return length(seconds * SECOND + self.n - t.n)
end
function moment:add_date(years, months, more)
  local year, month, day = date_of(self)
  local hour, minute, second = self:clock()
  local whole = function(n) return tointeger(n or 0) or tointeger(floor(n)) end
  return date(year + whole(years), month + whole(months), day + whole(more), hour, minute, second, self.n, self.loc)
end
function moment:before(t) return self < other(t, "before", 2) end
function moment:after(t) return other(t, "after", 2) < self end
function moment:equal(t) return self == other(t, "equal", 2) end
function moment_meta.__eq(a, b) return a.s == b.s and a.n == b.n end
function moment_meta.__lt(a, b) return a.s < b.s or a.s == b.s and a.n < b.n end
function moment_meta.__le(a, b) return not (b < a) end

-- How far a time is beyond a multiple of a duration, counted from the year 1.
local function beyond(t, ns)
  if ns % SECOND == 0 then
    local seconds = ns // SECOND
    return (t.s - ZERO) % seconds * SECOND + t.n
  end
  -- Seconds in two parts, so that nothing is too large.
  local function times(a)
    local sum, factor = 0, SECOND % ns
    a = a % ns
    while a > 0 do
      if a & 1 == 1 then sum = (sum + factor) % ns end
      factor, a = factor * 2 % ns, a >> 1
    end
    return sum
  end
  return (times(t.s - ZERO) + t.n) % ns
end
function moment:truncate(d)
  local ns = duration(d, 2)
  if ns <= 0 then return at(self.s, self.n, self.loc) end
  return plus(self, -beyond(self, ns))
end
function moment:round(d)
  local ns = duration(d, 2)
  if ns <= 0 then return at(self.s, self.n, self.loc) end
  local over = beyond(self, ns)
  return plus(self, over < ns - over and -over or ns - over)
end

function moment:format(how)
  if how == nil then how = time.RFC3339NANO end
  if type(how) ~= "string" then error(k.bad(1, "format", "string", how), 2) end
  local year, month, day = date_of(self)
  local hour, minute, second = self:clock()
  local offset, zone = ahead(self.loc, self.s)
  return layout.format(how, {
    year = year, month = month, day = day, hour = hour, minute = minute, second = second, ns = self.n,
    weekday = self:weekday(), yday = self:year_day(), offset = offset, zone = zone,
  })
end
function moment:format_rfc3339() return self:format(time.RFC3339) end
function moment_meta.__tostring(t) return t:format(time.RFC3339NANO) end
moment.string = moment_meta.__tostring

function time.parse(how, text, loc)
  if type(how) ~= "string" then error(k.bad(1, "parse", "string", how), 2) end
  if type(text) ~= "string" then error(k.bad(2, "parse", "string", text), 2) end
  loc = loc ~= nil and place_of(loc, 3, "parse") or time.utc
  local t, why = layout.parse(how, text)
  if not t then return nil, k.error("INVALID", why, false) end
  if t.day > 28 then
    local _, month = civil(days(t.year, t.month, t.day))
    if month ~= t.month then return nil, k.error("INVALID", format('"%s": day out of range', text), false) end
  end
  if t.offset then
    if t.offset == 0 then loc = time.utc else loc = located(t.zone or "", nil, t.offset) end
  elseif t.zone and t.zone ~= "UTC" and t.zone ~= "GMT" then
    loc = located(t.zone, nil, 0)
  end
  if t.yday then t.month, t.day = 1, t.yday end
  return date(t.year, t.month, t.day, t.hour, t.minute, t.second, t.ns, loc)
end

function time.now()
  local ns, why = command("now")
  if not ns then return nil, why end
  return at(0, ns, time.localtz)
end
function time.unix(seconds, ns)
  if type(seconds) ~= "number" then error(k.bad(1, "unix", "number", seconds), 2) end
  local whole = tointeger(seconds // 1)
  if not whole or whole > 1 << 40 or whole < -1 << 40 then
    error("bad argument #1 to 'unix' (seconds within some ten thousand years expected)", 2)
  end
  local rest = tointeger((seconds - whole) * SECOND // 1)
  return at(whole, rest + (tointeger(ns or 0) or tointeger(floor(ns))), time.localtz)
end

-- Waiting.
local function after(now, ns)
  if now > 0 and ns > math.maxinteger - now then return math.maxinteger end
  return now + ns
end
local function sleep(until_) return command("sleep", until_) end
local function monotonic()
  local now, why = command("clock")
  if not now then error(tostring(why), 0) end
  return now
end
local function wait(d, level)
  local ns = duration(d, level + 1)
  return ns > 0 and ns or 0
end

function time.sleep(d)
  local ns = wait(d, 2)
  local _, why = sleep(after(monotonic(), ns))
  if why then return nil, why end
  return true
end

-- A timer is a coroutine of its own that sleeps and then offers the time.
local function start(ns, every)
  local ch = channel.new(1)
  local timer = { ch = ch, turn = 0 }
  function timer.run(wait)
    timer.turn = timer.turn + 1
    local turn, next_ = timer.turn, after(monotonic(), wait)
    timer.active = true
    spawn(function()
      while true do
        sleep(next_)
        if timer.turn ~= turn then return end
        offer(ch, k.time_at((command("now")) or 0))
        if not every then
          timer.active = false
          return
        end
        next_ = after(next_, every)
        local now = monotonic()
        if next_ < now then next_ = now end
      end
    end)
  end
  timer.run(ns)
  return timer
end

function time.after(d)
  return start(wait(d, 2)).ch
end

local timers, timer_meta = class("timer")
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
  local ns, was = wait(d, 2), self:stop()
  self[1].run(ns)
  return was
end
function time.timer(d) return setmetatable({ start(wait(d, 2)) }, timer_meta) end
function time.ticker(d)
  local ns = wait(d, 2)
  if ns < 1 then error("a ticker needs a duration above 0", 2) end
  return setmetatable({ start(ns, ns) }, timer_meta)
end

return time
