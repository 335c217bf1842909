-- `logger`: lines in the log of the runtime.
local k = ...
local tostring = tostring

local logger = {}
for _, level in next, { "debug", "info", "warn", "error" } do
  logger[level] = function(message, fields) return k.log(level, tostring(message), fields) end
end
return logger
