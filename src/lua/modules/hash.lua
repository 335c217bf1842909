-- `hash`: sums of texts, as hexadecimal digits or as bytes.
local k = ...
local type = type

local function wrong(what)
  return nil, k.error("INVALID", what .. " is a string", false)
end

local hash = {}
for _, name in next, { "md5", "sha1", "sha256", "sha512" } do
  hash[name] = function(data, raw)
    if type(data) ~= "string" then return wrong("what is hashed") end
    local sum = k.hash(name, data)
    k.pay(#data // 4)
    return raw and sum or k.hex(sum)
  end
  hash["hmac_" .. name] = function(data, secret, raw)
    if type(data) ~= "string" then return wrong("what is hashed") end
    if type(secret) ~= "string" then return wrong("the secret") end
    local sum = k.hmac(name, secret, data)
    k.pay(#data // 4)
    return raw and sum or k.hex(sum)
  end
end
for _, name in next, { "fnv32", "fnv64" } do
  hash[name] = function(data)
    if type(data) ~= "string" then return wrong("what is hashed") end
    local sum = k.fnv(name == "fnv64", data)
    k.pay(#data // 4)
    return sum
  end
end
return hash
