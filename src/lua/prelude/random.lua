-- `math.random` and `math.randomseed`.
local k = ...
local error, select = error, select

-- Random numbers come from outside, once, when they are first wanted.
local math, seed0 = math, k.c.randomseed
local seeded = false
function math.randomseed(...)
  if select("#", ...) == 0 then seeded = false return end
  seeded = true
  return seed0(...)
end
function math.random(...)
  if not seeded then
    local bytes, why = k.command("random", 16)
    if not bytes then error(k.c.tostring(why), 2) end
    seed0(k.c.unpack("<i8i8", bytes))
    seeded = true
  end
  local result = k.c.random(...)
  return result
end
