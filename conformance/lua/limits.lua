local M = {}
function M.main()
  local function down(n) return 1 + down(n + 1) end
  local ok, why = pcall(down, 1)
  print(ok, why)
  local function kept() local t = {} for i = 1, 1e9 do t[i] = { i } end end
  print(pcall(kept))
  print(pcall(string.rep, "x", 1 << 40))
  print(#string.rep("ab", 1000), string.rep("", 1 << 50) == "", pcall(string.rep, "x", 1 << 25))
  print(pcall(function() local s = "x" while true do s = s .. s end end))
  local hostile = ("a"):rep(40)
  print(pcall(string.find, hostile, ("a*"):rep(30) .. "b"))
  print(pcall(string.gsub, hostile, (".-"):rep(20) .. "b", "x"))
  print(pcall(string.match, ("("):rep(300000), "(" .. ("%("):rep(300)))
  print(pcall(string.rep))
  print(pcall(table.concat, setmetatable({}, { __len = function() return 1 << 50 end })))
  print(pcall(table.unpack, {}, 1, 1e8))
  print(pcall(string.format, "%1000d", 1))
  print(#("x"):rep(1 << 20):upper())
  local nested = ("("):rep(300) .. "1" .. (")"):rep(300)
  print(load("return " .. nested))
  print(pcall(error))
  print(xpcall(down, function(e) return "handled: " .. e end, 1))
  return true
end
return M
