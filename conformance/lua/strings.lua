-- Patterns are matched by other code than Lua's, with the same results.
local M = {}
function M.main()
  print(("hello world"):find("wor"), ("hello"):find("l+"), ("a.b"):find(".", 1, true), ("x"):find("y"))
  print(("hello"):find(""), ("hello"):find("", 10), ("hello"):find("", 6), ("hello"):find("l", -2))
  print(("key = value"):match("^(%w+)%s*=%s*(%w+)$"), ("abc"):match("()b()"))
  print(("THE (quick) fox"):find("%((%a+)%)"), ("f(a(b)c)d"):match("%b()"))
  print(("hello world"):gsub("o", "0"), ("hello"):gsub("", "-"), ("abc"):gsub("%w", "%0%0"))
  print(("hello world"):gsub("(%w+)", "<%1>"), ("abc"):gsub("b*", "x"), ("abc abc"):gsub("^abc", "X"))
  print(("$name is $age"):gsub("%$(%w+)", { name = "Ada", age = 36 }))
  print(("abc"):gsub(".", function(c) if c == "b" then return false end return c:upper() end))
  print(("a b c"):gsub("%a", "x", 2), ("abc"):gsub("x", "y"))
  local t = {}
  for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do t[#t + 1] = k .. v end
  for w in ("one two"):gmatch("%a+") do t[#t + 1] = w end
  for p in ("abc"):gmatch("()") do t[#t + 1] = p end
  print(table.concat(t, ","))
  print(("THE (quick)"):find("%f[%a]%a+%f[%A]"), ("[]]"):match("[]]"), ("a-z"):match("[a%-z]+"), ("^"):match("[%^]"))
  print(("x1y22"):gsub("%d+", function(d) return "<" .. d .. ">" end))
  print(("12"):rep(2), ("x"):rep(3, ","), ("abc"):sub(-2), ("%d"):format(3), ("abcabc"):match("(abc)%1"))
  print(("\0a\0"):find("%z"), ("a\nb"):match("%c"), #("ü"):match("[\xc3][\xbc]"))
  for _, bad in ipairs{ "[a", "%", "(a", "a)", "%b", "%f", "%1" } do print(bad, pcall(string.find, "aaa", bad)) end
  print(pcall(string.gsub, "a", "a", "%2"))
  print(pcall(string.gsub, "a", "a", "%x"))
  print(pcall(string.gsub, "a", "a", function() return {} end))
  print(pcall(string.find, {}, "a"), pcall(string.gsub, "a", "a", true))
  -- Tables.
  local l = { 5, 2, 8, 1, 9, 3, 7, 4, 6, 0, 15, 12, 18, 11, 19, 13, 17, 14, 16, 10 }
  table.sort(l)
  print(table.concat(l, " "))
  table.sort(l, function(a, b) return a > b end)
  print(table.concat(l, " "))
  print(pcall(table.sort, { 1, "x" }))
  local q = { 1, 2 }
  table.insert(q, 3) table.insert(q, 1, 0)
  print(table.concat(q, " "), table.remove(q), table.remove(q, 1), table.concat(q, " "), table.remove({}))
  print(table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), " "), pcall(table.insert, q, 9, 1), pcall(table.remove, q, 9))
  return true
end
return M
