-- `logger`: lines in the log of the runtime, with fields.
local k = ...
local setmetatable, type, tostring, next = setmetatable, type, tostring, next
local methods = {}
local meta = { __index = methods, __name = "logger", __metatable = k.opaque }

local function merged(a, b)
  if not a then return b end
  if not b then return a end
  local all = {}
  for key, value in next, a do all[key] = value end
  for key, value in next, b do all[key] = value end
  return all
end

for _, level in next, { "debug", "info", "warn", "error" } do
  methods[level] = function(self, message, fields)
    -- With a dot as well as with a colon.
    if getmetatable(self) ~= k.opaque then self, message, fields = {}, self, message end
    message = tostring(message)
    if self.name then message = self.name .. ": " .. message end
    if type(fields) ~= "table" then fields = nil end
    return k.log(level, message, merged(self.fields, fields))
  end
end
function methods:with(fields)
  if type(fields) ~= "table" then error(k.bad(1, "with", "table", fields), 2) end
  return setmetatable({ name = self.name, fields = merged(self.fields, fields) }, meta)
end
function methods:named(name)
  if type(name) ~= "string" or name == "" then
    return nil, k.error("INVALID", "the name of a logger is a string that is not empty", false)
  end
  if self.name then name = self.name .. "." .. name end
  return setmetatable({ name = name, fields = self.fields }, meta)
end

return setmetatable({}, meta)
