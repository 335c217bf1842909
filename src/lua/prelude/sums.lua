-- Sums of texts, piece by piece, so that others have their turns meanwhile.
local k = ...
local PIECE = 262144
local BLOCK = { md5 = 64, sha1 = 64, sha256 = 64, sha384 = 128, sha512 = 128 }

local function sum(name, data, key)
  if #data <= PIECE then
    k.pay(#data // 4)
    if key then return k.hmac(name, key, data) end
    return k.hash(name, data)
  end
  local it = k.hasher(name, key)
  for from = 1, #data, PIECE do
    it(data, from, PIECE)
    k.pay(PIECE // 4)
  end
  return it()
end

return {
  BLOCK = BLOCK,
  PIECE = PIECE,
  of = function(name, data) return sum(name, data) end,
  -- With a key. The sum of one that is longer than a block takes its place (RFC 2104).
  keyed = function(name, key, data)
    if #key > BLOCK[name] then key = sum(name, key) end
    return sum(name, data, key)
  end,
}
