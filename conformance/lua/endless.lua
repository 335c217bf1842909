return { main = function()
  local t = setmetatable({}, { __tostring = function() while true do pcall(function() while true do end end) end end })
  print(pcall(function() print(pcall(tostring, t)) end))
  print("not reached")
end }
