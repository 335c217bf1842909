-- `hash`: sums of texts, as hexadecimal digits or as bytes.
local k = ...
local type = type
local sums = k.module("sums")

local function wrong(what)
  return nil, k.error("INVALID", what .. " is a string", false)
end

local hash = {}
for _, name in next, { "md5", "sha1", "sha256", "sha512" } do
  hash[name] = function(data, raw)
    if type(data) ~= "string" then return wrong("what is hashed") end
    local sum = sums.of(name, data)
    return raw and sum or k.hex(sum)
  end
  hash["hmac_" .. name] = function(data, secret, raw)
    if type(data) ~= "string" then return wrong("what is hashed") end
    if type(secret) ~= "string" then return wrong("the secret") end
    local sum = sums.keyed(name, secret, data)
    return raw and sum or k.hex(sum)
  end
end
for _, name in next, { "fnv32", "fnv64" } do
  hash[name] = function(data)
    if type(data) ~= "string" then return wrong("what is hashed") end
    local sum
    for from = 1, #data == 0 and 1 or #data, sums.PIECE do
      sum = k.fnv(name == "fnv64", data, from, sums.PIECE, sum)
      k.pay((#data < sums.PIECE and #data or sums.PIECE) // 4)
    end
    return sum
  end
end
return hash
