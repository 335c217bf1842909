local function inner(x)
  return x.field.more
end
local function outer()
  local y = inner({}) + 1
  return y
end
return { main = function() local r = outer() return r end }
