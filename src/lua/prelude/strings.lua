-- Functions of `string` and `utf8` whose work grows with their data: it is paid
-- for.
local k = ...
local error, type, tostring = error, type, tostring
local string, rep0, pay, bad = string, k.c.rep, k.pay, k.bad

local MAX_REP = 16 << 20
function string.rep(s, n, sep)
  local kind = type(s)
  if kind ~= "string" and kind ~= "number" then error(bad(1, "rep", "string", s), 2) end
  local size = #tostring(s) + #(sep or "")
  n = math.tointeger(n) or error(bad(2, "rep", "integer", n), 2)
  if size == 0 or n <= 0 then return "" end
  if n > MAX_REP // size then error("resulting string too large (more than 16 MiB)", 2) end
  pay(n * size // 16)
  return rep0(s, n, sep)
end

-- Linear work is paid for.
local function paid(f)
  return function(s, ...)
    if type(s) == "string" and #s > 1024 then pay(#s // 16) end
    return f(s, ...)
  end
end
string.unpack = paid(k.c.unpack)
-- Called by their names, which is where errors find them, and not as the last thing.
local c = k.c
local function work(s)
  if type(s) == "string" and #s > 1024 then pay(#s // 16) end
end
function string.upper(s)
  work(s)
  local result = c.upper(s)
  return result
end
function string.lower(s)
  work(s)
  local result = c.lower(s)
  return result
end
function string.reverse(s)
  work(s)
  local result = c.reverse(s)
  return result
end
function string.sub(s, ...)
  work(s)
  local result = c.sub(s, ...)
  return result
end
function string.format(s, ...)
  work(s)
  local result = c.format(s, ...)
  return result
end
for _, name in next, { "len", "codepoint", "offset" } do utf8[name] = paid(k.c[name]) end
