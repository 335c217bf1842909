-- Weak values are collected; keys are kept, as a collection would follow them for too
-- long.
return { main = function()
  local meta = { __mode = "k" }
  local keys = setmetatable({}, meta)
  print(getmetatable(keys) == meta, meta.__mode)
  keys[{}] = 1
  local both = setmetatable({}, { __mode = "kv" })
  local values = setmetatable({}, { __mode = "v" })
  both[1], values[1] = {}, {}
  local rounds = 0
  while values[1] or both[1] do
    rounds = rounds + 1
    local _ = { {}, {}, {} }
  end
  print(rounds > 0, next(keys) ~= nil)
  print(pcall(setmetatable, {}, { __gc = print }))
  return true
end }
