-- `ctx`: the values that whoever has started or called this process hands on.
local k = ...
local type, format = type, format
local values

local function all()
  values = values or k.context()
  return values
end

return {
  get = function(key)
    if type(key) ~= "string" or key == "" then
      return nil, k.error("INVALID", "the key of a context is a string that is not empty", false)
    end
    local value = all()[key]
    if value == nil then return nil, k.error("NOT_FOUND", format("the context has no '%s'", key), false) end
    return value
  end,
  all = function()
    local copy = {}
    for key, value in next, all() do copy[key] = value end
    return copy
  end,
}
