-- A string has a limit of its own.
return { main = function()
  local s = ("\0"):rep(8 << 20)
  local t = s .. s
  s = nil
  print(#t, pcall(function() return t .. "x" end))
  t = ("\0"):rep(1 << 20)
  print(t < t .. "x", t == t .. "", t .. "x" <= t)
  print(#table.concat({ t, t }))
  return true
end }
