-- `yaml`: tables as YAML, and back.
local k = ...
local type = type

local function paid(result, why)
  k.pay(0)
  if why then return nil, k.error("INTERNAL", why, false) end
  return result
end

return {
  encode = function(value)
    if type(value) ~= "table" then return nil, k.error("INVALID", "what is encoded is a table", false) end
    return paid(k.yaml_encode(value))
  end,
  decode = function(text)
    if type(text) ~= "string" or text == "" then
      return nil, k.error("INVALID", "what is decoded is a string that is not empty", false)
    end
    return paid(k.yaml_decode(text))
  end,
}
