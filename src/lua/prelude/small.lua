-- The small modules.
local k, name = ...
if name == "json" then
  return {
    null = k.null,
    encode = function(value)
      local text, why = k.json_encode(value)
      k.pay(0)
      if why then return nil, why end
      return text
    end,
    decode = function(text)
      local value, why = k.json_decode(text)
      k.pay(0)
      if why then return nil, why end
      return value
    end,
  }
elseif name == "env" then
  return {
    get = function(key)
      local value = k.env(key)
      if value then return value end
      return nil, k.error("NOT_FOUND", format("no variable '%s' is given to this process", tostring(key)), false)
    end,
  }
end
local logger = {}
for _, level in next, { "debug", "info", "warn", "error" } do
  logger[level] = function(message, fields) return k.log(level, tostring(message), fields) end
end
return logger
