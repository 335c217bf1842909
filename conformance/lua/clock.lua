-- modules: time
local time = require("time")
return { main = function()
  print(os.time({ year = 2000, month = 2, day = 29, hour = 12 }), os.date("!%Y-%m-%d %H:%M:%S", 951825600))
  print(os.date("*t", 0).year, os.time() == time.now():unix(), os.execute)
  local t = time.date(2024, time.FEBRUARY, 29, 23, 59, 59, 5, time.utc)
  print(t, t:weekday(), t:year_day(), t:add_date(1, 0, 0), t:add("1s"))
  print(t:format("Mon, 02 Jan 2006 15:04:05 MST"), t:format("3:04PM .000000000"))
  print(time.parse("2006-01-02 15:04", "2024-02-30 10:00"))
  print(time.parse(time.RFC3339, "2024-07-01T12:00:00+02:00"):utc())
  local berlin = time.load_location("Europe/Berlin")
  print(t:in_location(berlin), time.date(2024, 7, 1, 12, 0, 0, 0, berlin), time.load_location("Nowhere/Land"))
  print(time.parse_duration("1h30m"), time.parse_duration("90s") == time.parse_duration("1m30s"))
  print(t:sub(time.unix(0, 0)):hours() // 1, t:truncate("24h"), t:round("1h"))
  return true
end }
