-- The names of types, called with a value: the value as one of that type, or nil.
local type, tonumber, tointeger, huge = type, tonumber, math.tointeger, math.huge

local casts = {}

function casts.integer(n)
  local kind = type(n)
  if kind == "string" then n = tonumber(n) end
  if kind ~= "string" and kind ~= "number" or n == nil then return nil end
  local result = tointeger(n)
  if result == nil and n == n and n ~= huge and n ~= -huge then
    result = tointeger(n < 0 and -(-n // 1) or n // 1)
  end
  return result
end
function casts.number(n)
  local result = tonumber(n)
  return result
end
function casts.boolean(b)
  if b == nil then return nil end
  return not not b
end

return casts
