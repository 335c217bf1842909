-- `base64`: bytes as text, and back (RFC 4648, with padding). What is long is coded piece
-- by piece, so that others have their turns meanwhile.
local k = ...
local type, concat = type, table.concat

-- Bytes of a piece; and what becomes of them.
local PLAIN, CODED = 196608, 262144

local function wrong() return nil, k.error("INVALID", "what is coded is a string", false) end

return {
  encode = function(data)
    if type(data) ~= "string" then return wrong() end
    local parts = {}
    for from = 1, #data, PLAIN do
      parts[#parts + 1] = k.base64_encode(data, from, PLAIN)
      k.pay((#data < PLAIN and #data or PLAIN) // 8)
    end
    return concat(parts)
  end,
  decode = function(text)
    if type(text) ~= "string" then return wrong() end
    local parts = {}
    for from = 1, #text, CODED do
      local data, why = k.base64_decode(text, from, CODED)
      k.pay((#text < CODED and #text or CODED) // 8)
      if why then return nil, k.error("INVALID", why, false) end
      parts[#parts + 1] = data
    end
    return concat(parts)
  end,
}
