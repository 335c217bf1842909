-- A string has a limit of its own.
return { main = function()
  local s = ("\0"):rep(8 << 20)
  local t = s .. s
  s = nil
  print(#t, pcall(function() return t .. "x" end))
  print(t:sub(1, 1 << 20) < t:sub(1, 1 << 20) .. "x", t == t:sub(1))
  print(pcall(table.concat, { t, t }))
  return true
end }
