-- The functions of `table` whose originals could run for long: in C they cannot be
-- interrupted.
local k = ...
local error, type, select, math_type = error, type, select, math.type
local table, pay, bad = table, k.pay, k.bad

local c = k.c

local function check(t, name)
  if type(t) ~= "table" then error(bad(1, name, "table", t), 3) end
end
function table.concat(t, ...)
  local result = c.concat(t, ...)
  pay(#result // 16)
  return result
end
function table.insert(t, ...)
  check(t, "insert")
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
  check(t, "remove")
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
  check(from, "move")
  to = to or from
  if last < first then return to end
  if first <= 0 and last >= math.maxinteger + first then
    error("bad argument #3 to 'move' (too many elements to move)", 2)
  end
  if at > math.maxinteger - (last - first) then error("bad argument #4 to 'move' (destination wrap around)", 2) end
  if at > last or at <= first or to ~= from then
    for i = 0, last - first do to[at + i] = from[first + i] end
  else
    for i = last - first, 0, -1 do to[at + i] = from[first + i] end
  end
  return to
end
-- Merge sort, from short runs up: stable, and any order function will do.
function table.sort(t, before)
  check(t, "sort")
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
