-- The functions of `string` that take patterns: in C they cannot be interrupted.
-- They are matched in Rust, with bounded work.
local k = ...
local error, type, tostring = error, type, tostring
local string, concat, find0, gsub0, next0 = string, table.concat, k.find, k.gsub, k.next
local rest, bad, format, sub = k.rest, k.bad, format, sub

-- An error is searched as its text.
local getmetatable = getmetatable
local function subject(s)
  if type(s) == "table" and getmetatable(s) == k.opaque then return tostring(s) end
  return s
end

-- A `false` in front is an error in how the function is used, a `true` says that
-- the slice is used up.
local function lift(name, level, first, ...)
  if first == false then error(format("bad use of '%s': %s", name, (...)), level) end
  if first == true then
    rest()
    return ...
  end
  return first, ...
end
-- Called as the last thing, so that the caller is one level nearer.
function string.find(s, p, init, plain) return lift("find", 2, find0(subject(s), p, init, plain and 1 or 2)) end
function string.match(s, p, init) return lift("match", 2, find0(subject(s), p, init, 3)) end
function string.gmatch(s, p, init)
  s = subject(s)
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
  s = subject(s)
  local kind = type(repl)
  if kind == "string" or kind == "number" then
    local result, count = lift("gsub", 3, gsub0(s, p, repl, limit))
    return result, count
  elseif kind ~= "table" and kind ~= "function" then
    error(bad(3, "gsub", "string/function/table", repl), 2)
  end
  lift("gsub", 3, find0(s, p, 1, 0))
  local anchored = sub(tostring(p), 1, 1) == "^"
  s = tostring(s)
  local pieces, size, count, at, last, copied = {}, 0, 0, 1, nil, 1
  local function replace(from, to, ...)
    if from == nil then return false end
    local value
    if kind == "table" then value = repl[(...)] else value = repl(...) end
    local original = sub(s, from, to)
    if not value then
      value = original
    elseif type(value) ~= "string" and type(value) ~= "number" then
      error("invalid replacement value (a " .. type(value) .. ")", 4)
    end
    size = size + 2
    pieces[size - 1], pieces[size] = sub(s, copied, from - 1), value
    copied, at, last, count = to + 1, to + 1, to, count + 1
    return true
  end
  if limit == nil then limit = #s + 1 end
  limit = math.tointeger(limit) or error(bad(4, "gsub", "integer", limit), 2)
  while count < limit do
    local more = replace(lift("gsub", 3, next0(s, p, at, last, anchored)))
    if not more or anchored then break end
  end
  pieces[size + 1] = sub(s, copied)
  return concat(pieces), count
end
