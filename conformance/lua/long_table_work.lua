-- What is in C elsewhere and would never end.
return { main = function()
  local big = setmetatable({}, { __len = function() return 1 << 50 end })
  coroutine.spawn(function() table.insert(big, 1, "x") end)
  coroutine.spawn(function() table.remove(big, 1) end)
  coroutine.spawn(function() table.move({}, 1, 1 << 50, 2) end)
  coroutine.yield()
  return "still here"
end }
