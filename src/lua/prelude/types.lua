-- The types of a program's annotations at run time: `T:is(value)` gives the value, or nil
-- and an error. What is made here is called by what the annotations become.
local k = ...
local setmetatable, type, format, next, tostring, error = setmetatable, type, format, next, tostring, error
local tointeger, getmetatable = math.tointeger, getmetatable

local methods = {}
local meta = { __index = methods, __name = "type", __metatable = k.opaque }

-- Types may be nested in themselves, but neither they nor values without end. A check gives
-- what is wrong, and true if no other type is to be tried instead.
local MAX_DEPTH = 256
local function deep(at) return at .. ": nested too deep", true end

local T = {}
local function make(check) return setmetatable({ check = check }, meta) end

-- The check of a type, of a function that gives it, or of none that is known.
local function of(t)
  if type(t) == "function" then t = t() end
  if type(t) == "table" and getmetatable(t) == k.opaque and t.check then return t.check end
  return function() return nil end
end

local function kind(v)
  if type(v) == "table" and getmetatable(v) == k.opaque then return "userdata" end
  return type(v)
end
local function expected(what, v, at)
  return format("%s: expected %s, got %s", at, what, v == nil and "nil" or kind(v))
end

function methods:is(value)
  local wrong = self.check(value, "value", 0)
  if wrong then return nil, k.error("INVALID", wrong, false) end
  if value == nil then return true end
  return value
end
function meta:__call(value)
  local wrong = self.check(value, "value", 0)
  if wrong then error(wrong, 2) end
  return value
end

function T.any() return make(function() return nil end) end
function T.basic(name)
  return make(function(v, at)
    if name == "integer" then
      if type(v) == "number" and tointeger(v) then return nil end
    elseif name == "table" or name == "userdata" then
      if kind(v) == name then return nil end
    elseif type(v) == name then
      return nil
    end
    return expected(name, v, at)
  end)
end
function T.never() return make(function(v, at) return expected("nothing", v, at) end) end
function T.literal(value)
  return make(function(v, at)
    if v == value then return nil end
    return format("%s: expected %s, got %s", at, type(value) == "string" and format("%q", value) or tostring(value), type(v) == "string" and format("%q", v) or tostring(v))
  end)
end
function T.optional(t)
  return make(function(v, at, depth)
    if v == nil then return nil end
    return of(t)(v, at, depth)
  end)
end
function T.func() return make(function(v, at) if type(v) ~= "function" then return expected("function", v, at) end end) end
function T.array(t)
  return make(function(v, at, depth)
    if kind(v) ~= "table" then return expected("array", v, at) end
    if depth > MAX_DEPTH then return deep(at) end
    local check, count = of(t), 0
    for key, item in next, v do
      count = count + 1
      if not tointeger(key) then return format("%s: expected array, got the key %s", at, tostring(key)) end
      local wrong, last = check(item, format("%s[%s]", at, tostring(key)), depth + 1)
      if wrong then return wrong, last end
      k.pay(4)
    end
    if count ~= #v then return format("%s: expected array, got one with holes", at) end
  end)
end
function T.map(key, value)
  return make(function(v, at, depth)
    if kind(v) ~= "table" then return expected("map", v, at) end
    if depth > MAX_DEPTH then return deep(at) end
    local check_key, check_value = of(key), of(value)
    for name, item in next, v do
      local wrong, last = check_key(name, at .. " key", depth + 1)
      if not wrong then wrong, last = check_value(item, format("%s.%s", at, tostring(name)), depth + 1) end
      if wrong then return wrong, last end
      k.pay(4)
    end
  end)
end
-- Fields are name, type, and whether it may be missing.
function T.record(...)
  local fields = { ... }
  return make(function(v, at, depth)
    if type(v) ~= "table" then return expected("record", v, at) end
    if depth > MAX_DEPTH then return deep(at) end
    for i = 1, #fields, 3 do
      local name, optional = fields[i], fields[i + 2]
      local item = v[name]
      if item ~= nil or not optional then
        local wrong, last = of(fields[i + 1])(item, at .. "." .. name, depth + 1)
        if wrong then return wrong, last end
      end
    end
    k.pay(#fields)
  end)
end
function T.union(...)
  local types = { ... }
  return make(function(v, at, depth)
    if depth > MAX_DEPTH then return deep(at) end
    local first
    for i = 1, #types do
      local wrong, last = of(types[i])(v, at, depth + 1)
      if not wrong then return nil end
      if last then return wrong, true end
      first = first or wrong
    end
    return (string.find(first, "expected", 1, true) and first .. ", or another of the union") or expected("one of the union", v, at)
  end)
end
function T.both(...)
  local types = { ... }
  return make(function(v, at, depth)
    if depth > MAX_DEPTH then return deep(at) end
    for i = 1, #types do
      local wrong, last = of(types[i])(v, at, depth + 1)
      if wrong then return wrong, last end
    end
  end)
end
-- A type with conditions: name and argument.
function T.where(t, ...)
  local conditions = { ... }
  return make(function(v, at, depth)
    local wrong, last = of(t)(v, at, depth)
    if wrong or v == nil then return wrong, last end
    for i = 1, #conditions, 2 do
      local name, arg = conditions[i], conditions[i + 1]
      local size = type(v) == "string" and (utf8.len(v) or #v) or type(v) == "table" and #v or 0
      if name == "min" and type(v) == "number" and v < arg then
        return format("%s: %s is less than the minimum %s", at, tostring(v), tostring(arg))
      elseif name == "max" and type(v) == "number" and v > arg then
        return format("%s: %s is more than the maximum %s", at, tostring(v), tostring(arg))
      elseif name == "min_len" and size < arg then
        return format("%s: the length %d is less than %s", at, size, tostring(arg))
      elseif name == "max_len" and size > arg then
        return format("%s: the length %d is more than %s", at, size, tostring(arg))
      elseif name == "pattern" and type(v) == "string" then
        local found, why = k.regex("match", arg, v)
        if not found then return why or format("%s: it does not match the pattern %s", at, arg) end
      end
    end
  end)
end
-- A type with parameters: called with types, it gives one.
function T.generic(f) return setmetatable({ check = function() return nil end, apply = f }, meta) end
function T.apply(t, ...)
  local args = { ... }
  return make(function(v, at, depth)
    local generic = t
    if type(generic) == "function" then generic = generic() end
    if type(generic) ~= "table" or not generic.apply then return nil end
    if depth > MAX_DEPTH then return deep(at) end
    return of(generic.apply(table.unpack(args)))(v, at, depth + 1)
  end)
end
-- A type by its name, which may stand for itself.
function T.lazy(f)
  return make(function(v, at, depth)
    if depth > MAX_DEPTH then return deep(at) end
    return of(f)(v, at, depth + 1)
  end)
end

return T
