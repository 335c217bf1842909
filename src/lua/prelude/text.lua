-- The functions of `string` and `table` whose originals could run for long: in
-- C they cannot be interrupted. Patterns are matched in Rust, with bounded work.
local k = ...
local error, type, select, math_type, tostring = error, type, select, math.type, tostring
local string, table, find0, gsub0, next0 = string, table, k.find, k.gsub, k.next
local rep0, pay, rest, bad = string.rep, k.pay, k.rest, k.bad

-- A `false` in front is an error in how the function is used, a `true` says that
-- the slice is used up.
local function lift(name, level, first, ...)
  if first == false then error(("bad use of '%s': %s"):format(name, (...)), level) end
  if first == true then
    rest()
    return ...
  end
  return first, ...
end
-- Called as the last thing, so that the caller is one level nearer.
function string.find(s, p, init, plain) return lift("find", 2, find0(s, p, init, plain and 1 or 2)) end
function string.match(s, p, init) return lift("match", 2, find0(s, p, init, 3)) end
function string.gmatch(s, p, init)
  local at, last = lift("gmatch", 3, find0(s, p, init, 0)), nil
  s = tostring(s)
  local function step(from, to, ...)
    if from == nil then
      at = #s + 2
      return nil
    end
    at, last = to + 1, to
    return ...
  end
  return function() return step(lift("gmatch", 3, next0(s, p, at, last, false))) end
end
function string.gsub(s, p, repl, limit)
  local kind = type(repl)
  if kind == "string" or kind == "number" then
    local result, count = lift("gsub", 3, gsub0(s, p, repl, limit))
    return result, count
  elseif kind ~= "table" and kind ~= "function" then
    error(bad(3, "gsub", "string/function/table", repl), 2)
  end
  lift("gsub", 3, find0(s, p, 1, 0))
  local anchored = tostring(p):sub(1, 1) == "^"
  s = tostring(s)
  local pieces, size, count, at, last, copied = {}, 0, 0, 1, nil, 1
  local function replace(from, to, ...)
    if from == nil then return false end
    local value
    if kind == "table" then value = repl[(...)] else value = repl(...) end
    local original = s:sub(from, to)
    if not value then
      value = original
    elseif type(value) ~= "string" and type(value) ~= "number" then
      error("invalid replacement value (a " .. type(value) .. ")", 4)
    end
    size = size + 2
    pieces[size - 1], pieces[size] = s:sub(copied, from - 1), value
    copied, at, last, count = to + 1, to + 1, to, count + 1
    return true
  end
  limit = limit or #s + 1
  while count < limit do
    local more = replace(lift("gsub", 3, next0(s, p, at, last, anchored)))
    if not more or anchored then break end
  end
  pieces[size + 1] = s:sub(copied)
  return table.concat(pieces), count
end

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
for _, name in next, { "upper", "lower", "reverse", "sub", "unpack", "format" } do
  string[name] = paid(string[name])
end
string.dump = nil
for _, name in next, { "len", "codepoint", "offset" } do utf8[name] = paid(utf8[name]) end

local concat0 = table.concat
function table.concat(t, ...)
  local result = concat0(t, ...)
  pay(#result // 16)
  return result
end
function table.insert(t, ...)
  local count = select("#", ...)
  local size = #t
  if count == 1 then
    t[size + 1] = (...)
    return
  elseif count ~= 2 then
    error("wrong number of arguments to 'insert'", 2)
  end
  local at, value = ...
  if math_type(at) ~= "integer" then at = math.tointeger(at) or error(bad(2, "insert", "integer", at), 2) end
  if at < 1 or at > size + 1 then error("bad argument #2 to 'insert' (position out of bounds)", 2) end
  for i = size, at, -1 do t[i + 1] = t[i] end
  t[at] = value
end
function table.remove(t, at)
  local size = #t
  if at == nil then
    at = size
  elseif at ~= size and (at < 1 or at > size + 1) then
    error("bad argument #2 to 'remove' (position out of bounds)", 2)
  end
  local value = t[at]
  for i = at, size - 1 do t[i] = t[i + 1] end
  t[at < size and size or at] = nil
  return value
end
function table.move(from, first, last, at, to)
  to = to or from
  if at > last or at <= first or to ~= from then
    for i = 0, last - first do to[at + i] = from[first + i] end
  else
    for i = last - first, 0, -1 do to[at + i] = from[first + i] end
  end
  return to
end
-- Merge sort, from short runs up: stable, and any order function will do.
function table.sort(t, before)
  if before ~= nil and type(before) ~= "function" then error(bad(2, "sort", "function", before), 2) end
  local n = #t
  local RUN = 8
  for low = 1, n, RUN do
    local high = low + RUN - 1
    if high > n then high = n end
    for i = low + 1, high do
      local value, j = t[i], i - 1
      while j >= low do
        local other = t[j]
        local smaller
        if before then smaller = before(value, other) else smaller = value < other end
        if not smaller then break end
        t[j + 1] = other
        j = j - 1
      end
      t[j + 1] = value
    end
  end
  local spare = {}
  local width = RUN
  while width < n do
    for low = 1, n - width, 2 * width do
      local middle, high = low + width, low + 2 * width - 1
      if high > n then high = n end
      local left = middle - low
      for i = 1, left do spare[i] = t[low + i - 1] end
      local i, j, to = 1, middle, low
      while i <= left and j <= high do
        local a, b = spare[i], t[j]
        local smaller
        if before then smaller = before(b, a) else smaller = b < a end
        if smaller then
          t[to], j = b, j + 1
        else
          t[to], i = a, i + 1
        end
        to = to + 1
      end
      for rest = i, left do
        t[to] = spare[rest]
        to = to + 1
      end
    end
    width = 2 * width
  end
end
