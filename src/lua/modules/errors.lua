-- Errors that say what kind they are, and stay what they are on their way from
-- one process to another.
local k = ...
local setmetatable, type, tostring, format, error, next = setmetatable, type, tostring, format, error, next
local methods, names, kinds = {}, k.kinds(), {}
local meta = k.error_meta
meta.__index, meta.__name, meta.__metatable = methods, "error", k.opaque

local function full(e)
  if e[5] then return e[5] .. ": " .. e[2] end
  return e[2]
end
function methods:kind() return self[1] end
function methods:message() return self[2] end
function methods:retryable() return self[3] end
function methods:details() return self[4] end
function methods:stack() return full(self) .. (self[6] or "") end
meta.__tostring = full
function meta.__concat(a, b) return tostring(a) .. tostring(b) end

local function make(kind, message, retryable, details)
  return setmetatable({ kind, message, retryable, details }, meta)
end
-- Of the runtime: kinds by their names in capital letters.
function k.error(kind, ...) return make(names[kind] or kind, ...) end

local errors = {}
for name, kind in next, names do
  errors[name], kinds[kind] = kind, true
end

function errors.new(what, message)
  if type(what) == "string" then
    if message == nil then
      local e = make("", what)
      e[6] = k.trace()
      return e
    end
    what = { kind = names[what] or what, message = message }
  end
  if type(what) ~= "table" then error(k.bad(1, "new", "string or table", what), 2) end
  local kind = what.kind or ""
  kind = names[kind] or kind
  if not kinds[kind] then error(format("there is no kind of error '%s'", tostring(kind)), 2) end
  local details, retryable = what.details, what.retryable
  if type(details) == "table" and next(details) == nil then details = nil end
  if retryable ~= nil then retryable = not not retryable end
  local e = make(kind, tostring(what.message or ""), retryable, details)
  e[6] = k.trace()
  return e
end

-- The same error with words in front of its own.
function errors.wrap(e, context)
  if context ~= nil then context = tostring(context) end
  if not k.is_error(e) then
    if e == nil then return nil end
    e = make("", tostring(e))
    e[6] = k.trace()
  end
  if context and e[5] then context = context .. ": " .. e[5] end
  local wrapped = make(e[1], e[2], e[3], e[4])
  wrapped[5], wrapped[6] = context or e[5], e[6]
  return wrapped
end

function errors.is(e, kind) return k.is_error(e) and e[1] == (names[kind] or kind) end

-- Where an error was made: its frames, the innermost first.
function errors.call_stack(e)
  if not k.is_error(e) or not e[6] then return nil end
  local frames = {}
  for name, source, line in string.gmatch(e[6], "\n    in (.-) at ([^\n]-):(%d+)") do
    frames[#frames + 1] = { name = name, source = source, line = math.tointeger(line) }
  end
  return { thread = "main", frames = frames }
end

return errors
