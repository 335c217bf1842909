-- `env`: the variables that the process has been given.
local k = ...
local format, tostring = format, tostring

return {
  get = function(key)
    local value = k.env(key)
    if value then return value end
    return nil, k.error("NOT_FOUND", format("no variable '%s' is given to this process", tostring(key)), false)
  end,
}
