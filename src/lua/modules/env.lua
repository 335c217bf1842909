-- `env`: the variables of the project. What a process sets, all others see.
local k = ...
local format, tostring, type, next = format, tostring, type, next
local command = k.command

local function wrong(key)
  if type(key) ~= "string" or key == "" then
    return k.error("INVALID", "the name of a variable is a string that is not empty", false)
  end
end

return {
  get = function(key)
    local why = wrong(key)
    if why then return nil, why end
    local set = command("variable", key)
    if type(set) == "string" then return set end
    local value = k.env(key)
    if value then return value end
    return nil, k.error("NOT_FOUND", format("no variable '%s' is given to this process", tostring(key)), false)
  end,
  set = function(key, value)
    local why = wrong(key)
    if why then return nil, why end
    return command("set_variable", key, type(value) == "string" and value or tostring(value))
  end,
  get_all = function()
    local all = k.env_all()
    local set = command("variables")
    if type(set) == "table" then
      for key, value in next, set do all[key] = value end
    end
    return all
  end,
}
