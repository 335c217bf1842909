-- Times as text by a layout of Go's, which is the time Mon Jan 2 15:04:05 MST 2006 as it
-- would be written, and back.
local k = ...
local format, sub, upper, lower = format, sub, upper, lower
local find, match, byte, tointeger = string.find, string.match, string.byte, math.tointeger
local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" }
local DAYS = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }

-- The longest of those that begin alike stands first.
local PIECES = {
  J = { "January", "Jan" }, M = { "Monday", "Mon", "MST" },
  ["0"] = { "002", "01", "02", "03", "04", "05", "06" }, ["1"] = { "15", "1" },
  ["2"] = { "2006", "2" }, ["_"] = { "__2", "_2006", "_2" }, ["3"] = { "3" }, ["4"] = { "4" }, ["5"] = { "5" },
  P = { "PM" }, p = { "pm" },
  ["-"] = { "-070000", "-07:00:00", "-0700", "-07:00", "-07" },
  Z = { "Z070000", "Z07:00:00", "Z0700", "Z07:00", "Z07" },
}

-- The pieces of a layout: texts that stand for themselves, and tables { piece }.
local function pieces(layout)
  local all, from, at = {}, 1, 1
  local function piece(name, length)
    if from < at then all[#all + 1] = sub(layout, from, at - 1) end
    if name then all[#all + 1] = { name } end
    at = at + length
    from = at
  end
  while at <= #layout do
    local first = sub(layout, at, at)
    local found
    for _, name in next, PIECES[first] or {} do
      if sub(layout, at, at + #name - 1) == name then
        found = name
        break
      end
    end
    -- "Jan" in "January" has been found; in "Janus" it is no month.
    if (found == "Jan" or found == "Mon") and find(sub(layout, at + 3, at + 3), "%l") then found = nil end
    if found == "_2006" then
      at = at + 1
      piece("2006", 4)
    elseif found then
      piece(found, #found)
    elseif (first == "." or first == ",") and find(layout, "^[09]", at + 1) then
      local digits = match(layout, "^0+", at + 1) or match(layout, "^9+", at + 1)
      if find(layout, "^%d", at + 1 + #digits) then
        at = at + 1
      else
        piece(first .. digits, 1 + #digits)
      end
    else
      at = at + 1
    end
  end
  piece(nil, 0)
  return all
end

local function offset(name, seconds)
  if sub(name, 1, 1) == "Z" and seconds == 0 then return "Z" end
  local sign = seconds < 0 and "-" or "+"
  if seconds < 0 then seconds = -seconds end
  local h, m, s = seconds // 3600, seconds // 60 % 60, seconds % 60
  local form = sub(name, 2)
  if form == "07" then return format("%s%02d", sign, h) end
  if form == "0700" then return format("%s%02d%02d", sign, h, m) end
  if form == "07:00" then return format("%s%02d:%02d", sign, h, m) end
  if form == "070000" then return format("%s%02d%02d%02d", sign, h, m, s) end
  return format("%s%02d:%02d:%02d", sign, h, m, s)
end

local SHOW = {
  ["2006"] = function(t) return format("%04d", t.year) end, ["06"] = function(t) return format("%02d", t.year % 100) end,
  ["01"] = function(t) return format("%02d", t.month) end, ["1"] = function(t) return format("%d", t.month) end,
  January = function(t) return MONTHS[t.month] end, Jan = function(t) return sub(MONTHS[t.month], 1, 3) end,
  Monday = function(t) return DAYS[t.weekday + 1] end, Mon = function(t) return sub(DAYS[t.weekday + 1], 1, 3) end,
  ["02"] = function(t) return format("%02d", t.day) end, ["2"] = function(t) return format("%d", t.day) end,
  ["_2"] = function(t) return format("%2d", t.day) end, ["002"] = function(t) return format("%03d", t.yday) end,
  ["__2"] = function(t) return format("%3d", t.yday) end, ["15"] = function(t) return format("%02d", t.hour) end,
  ["03"] = function(t) return format("%02d", (t.hour + 11) % 12 + 1) end,
  ["3"] = function(t) return format("%d", (t.hour + 11) % 12 + 1) end,
  ["04"] = function(t) return format("%02d", t.minute) end, ["4"] = function(t) return format("%d", t.minute) end,
  ["05"] = function(t) return format("%02d", t.second) end, ["5"] = function(t) return format("%d", t.second) end,
  PM = function(t) return t.hour < 12 and "AM" or "PM" end, pm = function(t) return t.hour < 12 and "am" or "pm" end,
  MST = function(t) return t.zone end,
}

local layout = {}

-- `t` has year, month, day, hour, minute, second, ns, weekday, yday, offset and zone.
function layout.format(how, t)
  local text = ""
  for _, piece in next, pieces(how) do
    if type(piece) == "string" then
      text = text .. piece
    else
      local name = piece[1]
      local first = sub(name, 1, 1)
      if first == "." or first == "," then
        local digits = sub(format("%09d", t.ns), 1, #name - 1)
        if sub(name, 2, 2) == "9" then
          digits = match(digits, "^(.-)0*$")
          if digits ~= "" then text = text .. first .. digits end
        else
          text = text .. first .. digits
        end
      elseif SHOW[name] then
        text = text .. SHOW[name](t)
      else
        text = text .. offset(name, t.offset)
      end
    end
  end
  return text
end

local function named(names, short)
  return function(text, at)
    for i = 1, #names do
      local name = short and sub(names[i], 1, 3) or names[i]
      if lower(sub(text, at, at + #name - 1)) == lower(name) then return i, at + #name end
    end
  end
end
local function number(pattern, low, high)
  return function(text, at)
    local digits = match(text, pattern, at)
    local n = digits and tointeger(tonumber((match(digits, "%d+"))))
    if n and n >= low and n <= high then return n, at + #digits end
  end
end
local TWO, ONE = "^%d%d", "^%d%d?"
local READ = {
  ["2006"] = { "year", number("^%d%d%d%d", 0, 9999) }, ["06"] = { "short", number(TWO, 0, 99) },
  ["01"] = { "month", number(TWO, 1, 12) }, ["1"] = { "month", number(ONE, 1, 12) },
  January = { "month", named(MONTHS) }, Jan = { "month", named(MONTHS, true) },
  Monday = { "weekday", named(DAYS) }, Mon = { "weekday", named(DAYS, true) },
  ["02"] = { "day", number(TWO, 1, 31) }, ["2"] = { "day", number(ONE, 1, 31) },
  ["_2"] = { "day", number("^ ?%d%d?", 1, 31) }, ["002"] = { "yday", number("^%d%d%d", 1, 366) },
  ["__2"] = { "yday", number("^ ? ?%d%d?%d?", 1, 366) },
  ["15"] = { "hour", number(TWO, 0, 23) }, ["03"] = { "hour", number(TWO, 0, 12) }, ["3"] = { "hour", number(ONE, 0, 12) },
  ["04"] = { "minute", number(TWO, 0, 59) }, ["4"] = { "minute", number(ONE, 0, 59) },
  ["05"] = { "second", number(TWO, 0, 59) }, ["5"] = { "second", number(ONE, 0, 59) },
}

local function read_offset(name, text, at)
  if sub(name, 1, 1) == "Z" and sub(text, at, at) == "Z" then return 0, at + 1, "UTC" end
  local form = sub(name, 2)
  local sign, h, m, s
  if form == "07" then
    sign, h = match(text, "^([+-])(%d%d)", at)
  elseif form == "0700" then
    sign, h, m = match(text, "^([+-])(%d%d)(%d%d)", at)
  elseif form == "07:00" then
    sign, h, m = match(text, "^([+-])(%d%d):(%d%d)", at)
  elseif form == "070000" then
    sign, h, m, s = match(text, "^([+-])(%d%d)(%d%d)(%d%d)", at)
  else
    sign, h, m, s = match(text, "^([+-])(%d%d):(%d%d):(%d%d)", at)
  end
  if not sign then return nil end
  local seconds = (tonumber(h) * 60 + tonumber(m or 0)) * 60 + tonumber(s or 0)
  return sign == "-" and -seconds or seconds, at + #form + 1
end

-- The parts of a text, or nil and what does not fit.
function layout.parse(how, text)
  local t, at = { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, ns = 0 }, 1
  local function misfit(piece)
    return nil, format('cannot parse "%s" as "%s" at "%s"', text, how, sub(text, at)) .. (piece and ' (' .. piece .. ')' or "")
  end
  for _, piece in next, pieces(how) do
    if type(piece) == "string" then
      if sub(text, at, at + #piece - 1) ~= piece then return misfit(piece) end
      at = at + #piece
    else
      local name = piece[1]
      local first = sub(name, 1, 1)
      local read = READ[name]
      if read then
        local value, next_at = read[2](text, at)
        if not value then return misfit(name) end
        t[read[1]], at = value, next_at
        -- A fraction may follow seconds that the layout has none for.
        if read[1] == "second" and find(text, "^[.,]%d", at) and not find(how, name .. "[.,][09]") then
          local digits = match(text, "^[.,](%d+)", at)
          t.ns = tointeger(tonumber(sub(digits .. "000000000", 1, 9)))
          at = at + 1 + #digits
        end
      elseif name == "PM" or name == "pm" then
        local half = upper(sub(text, at, at + 1))
        if half ~= "AM" and half ~= "PM" then return misfit(name) end
        t.half, at = half, at + 2
      elseif name == "MST" then
        local zone = match(text, "^%u%u%u%u?", at) or match(text, "^[+-]%d%d", at)
        if not zone then return misfit(name) end
        t.zone, at = zone, at + #zone
      elseif first == "." or first == "," then
        local digits = match(text, "^[.,](%d+)", at)
        if sub(name, 2, 2) == "0" then
          digits = match(text, "^[.,](" .. k.c.rep("%d", #name - 1) .. ")", at)
          if not digits then return misfit(name) end
        end
        if digits then
          t.ns = tointeger(tonumber(sub(digits .. "000000000", 1, 9)))
          at = at + 1 + #digits
        end
      else
        local seconds, next_at, zone = read_offset(name, text, at)
        if not seconds then return misfit(name) end
        t.offset, at = seconds, next_at
        t.zone = zone or t.zone
      end
    end
  end
  if at <= #text then return nil, format('cannot parse "%s" as "%s": extra text "%s"', text, how, sub(text, at)) end
  if t.short then t.year = t.short >= 69 and 1900 + t.short or 2000 + t.short end
  if t.half == "PM" and t.hour < 12 then t.hour = t.hour + 12 end
  if t.half == "AM" and t.hour == 12 then t.hour = 0 end
  return t
end

return layout
