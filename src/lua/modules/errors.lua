-- Errors that say what kind they are, and stay what they are on their way from
-- one process to another.
local k = ...
local setmetatable, type, tostring, format = setmetatable, type, tostring, format
local methods, kinds = {}, {}
local meta = k.error_meta
meta.__index, meta.__name, meta.__metatable = methods, "error", false

function methods:kind() return self[1] end
function methods:message() return self[2] end
function methods:retryable() return self[3] end
function methods:details() return self[4] end
function meta.__tostring(e) return e[2] end
function meta.__concat(a, b) return tostring(a) .. tostring(b) end

local function make(kind, message, retryable, details)
  return setmetatable({ kind, message, retryable, details }, meta)
end
k.error = make

local RETRYABLE = { UNAVAILABLE = true, TIMEOUT = true, RATE_LIMITED = true }

local errors = {}
for _, kind in next, k.kinds() do
  errors[kind], kinds[kind] = kind, true
end

function errors.new(what, message)
  if type(what) == "string" then
    if message == nil then return make("UNKNOWN", what, false) end
    what = { kind = what, message = message }
  end
  if type(what) ~= "table" then error(k.bad(1, "new", "string or table", what), 2) end
  local kind = what.kind or "UNKNOWN"
  if not kinds[kind] then error(format("there is no kind of error '%s'", tostring(kind)), 2) end
  local retryable = what.retryable
  if retryable == nil then retryable = RETRYABLE[kind] or false end
  return make(kind, tostring(what.message or ""), retryable and true or false, what.details)
end

function errors.is(e, kind) return k.is_error(e) and e[1] == kind end

return errors
