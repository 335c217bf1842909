-- `base64`: bytes as text, and back (RFC 4648, with padding).
local k = ...
local type = type

local function wrong() return nil, k.error("INVALID", "what is coded is a string", false) end

return {
  encode = function(data)
    if type(data) ~= "string" then return wrong() end
    local text = k.base64_encode(data)
    k.pay(#data // 8)
    return text
  end,
  decode = function(text)
    if type(text) ~= "string" then return wrong() end
    local data, why = k.base64_decode(text)
    k.pay(#text // 8)
    if why then return nil, k.error("INVALID", why, false) end
    return data
  end,
}
