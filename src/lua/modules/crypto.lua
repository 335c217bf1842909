-- `crypto`: random texts, message authentication, keys from passwords, tokens. What is
-- random comes from outside.
local k = ...
local command, type, format, sub, select = k.command, type, format, sub, select
local byte, gsub, tointeger, concat = string.byte, string.gsub, math.tointeger, table.concat
local json, base64, sums = k.module("json"), k.module("base64"), k.module("sums")

local function invalid(why) return nil, k.error("INVALID", why, false) end
local function internal(why) return nil, k.error("INTERNAL", why, false) end

local MAX = 1048576
local function random_bytes(n)
  local bytes, why = command("random", n)
  if not bytes then return internal(k.c.tostring(why)) end
  return bytes
end
local function length(n)
  local whole = type(n) == "number" and tointeger(n)
  if whole and whole >= 1 and whole <= MAX then return whole end
end

local random = {}
function random.bytes(n)
  local whole = length(n)
  if not whole then return invalid(format("a length is an integer from 1 to %d", MAX)) end
  return random_bytes(whole)
end
local ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
function random.string(n, charset)
  local whole = length(n)
  if not whole then return invalid(format("a length is an integer from 1 to %d", MAX)) end
  if charset == nil then charset = ALPHANUMERIC end
  if type(charset) ~= "string" or charset == "" or #charset > 256 then
    return invalid("a set of characters is a string of 1 to 256 bytes")
  end
  -- Bytes that would make some characters likelier than others are passed over.
  local most = 256 - 256 % #charset
  local text, count = {}, 0
  while count < whole do
    local bytes, why = random_bytes(whole - count < 65536 and whole - count + 16 or 65536)
    if not bytes then return nil, why end
    for i = 1, #bytes do
      local b = byte(bytes, i)
      if b < most and count < whole then
        count = count + 1
        text[count] = sub(charset, b % #charset + 1, b % #charset + 1)
      end
    end
  end
  return concat(text)
end
function random.uuid() return k.module("uuid").v4() end

local function mac(name)
  return function(key, data)
    if type(key) ~= "string" or key == "" then return invalid("a key is a string that is not empty") end
    if type(data) ~= "string" then return invalid("what is authenticated is a string") end
    local sum = sums.keyed(name, key, data)
    return k.hex(sum)
  end
end

local crypto = { random = random, hmac = { sha256 = mac("sha256"), sha512 = mac("sha512") } }

function crypto.pbkdf2(password, salt, iterations, len, name)
  if type(password) ~= "string" or password == "" then return invalid("a password is a string that is not empty") end
  if type(salt) ~= "string" or salt == "" then return invalid("a salt is a string that is not empty") end
  iterations, len = tointeger(iterations), tointeger(len)
  if not iterations or iterations < 1 or iterations > 10000000 then
    return invalid("the iterations are an integer from 1 to 10000000")
  end
  if not len or len < 1 or len > 1024 then return invalid("the length of a key is an integer from 1 to 1024") end
  if name == nil then name = "sha256" end
  if name ~= "sha256" and name ~= "sha512" then return invalid("the hash is sha256 or sha512") end
  -- Each round takes the password: one that is longer than a block only once.
  if #password > sums.BLOCK[name] then password = sums.of(name, password) end
  -- In pieces, so that others have their turns meanwhile.
  local size = name == "sha256" and 32 or 64
  local key = {}
  for block = 1, (len + size - 1) // size do
    local u = sums.keyed(name, password, salt .. string.pack(">I4", block))
    local sum = u
    local done = 1
    while done < iterations do
      local more = iterations - done < 500 and iterations - done or 500
      u, sum = k.pbkdf2(name, password, u, sum, more)
      done = done + more
      k.pay(more * 40)
    end
    key[block] = sum
  end
  return sub(concat(key), 1, len)
end

function crypto.constant_time_compare(a, b)
  if type(a) ~= "string" or type(b) ~= "string" or #a ~= #b then return false end
  local difference = 0
  for i = 1, #a do difference = difference | (byte(a, i) ~ byte(b, i)) end
  return difference == 0
end

-- Tokens (RFC 7519) with a common secret.
local SUMS = { HS256 = "sha256", HS384 = "sha384", HS512 = "sha512" }
local function base64url(text) return (gsub(base64.encode(text), "[+/=]", { ["+"] = "-", ["/"] = "_", ["="] = "" })) end
local function from_base64url(text)
  text = gsub(text, "[-_]", { ["-"] = "+", ["_"] = "/" })
  local data = base64.decode(text .. k.c.rep("=", -#text % 4))
  return data
end
local function algorithm(alg, key)
  if alg == nil then alg = "HS256" end
  if not SUMS[alg] then return invalid(format("there is no algorithm '%s' here; only HS256, HS384 and HS512", k.c.tostring(alg))) end
  if type(key) ~= "string" or key == "" then return invalid("a key is a string that is not empty") end
  return alg
end

local jwt = {}
crypto.jwt = jwt
function jwt.encode(claims, key, alg)
  if type(claims) ~= "table" then return invalid("the claims are a table") end
  local name, why = algorithm(alg, key)
  if not name then return nil, why end
  local header, body = {}, {}
  for field, value in next, type(claims._header) == "table" and claims._header or {} do header[field] = value end
  header.alg, header.typ = name, "JWT"
  for field, value in next, claims do
    if field ~= "_header" then body[field] = value end
  end
  local text, err = json.encode(header)
  if err then return nil, err end
  local rest
  rest, err = json.encode(body)
  if err then return nil, err end
  local signed = base64url(text) .. "." .. base64url(rest)
  return signed .. "." .. base64url(sums.keyed(SUMS[name], key, signed))
end
function jwt.verify(token, key, alg, require_exp)
  local name, why = algorithm(alg, key)
  if not name then return nil, why end
  local head, body, signature
  if type(token) == "string" then
    head, body, signature = string.match(token, "^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
  end
  if not head then return internal("the token is malformed") end
  local header = json.decode(from_base64url(head) or "")
  if type(header) ~= "table" or header.alg ~= name then return internal("the token has another algorithm than " .. name) end
  if not crypto.constant_time_compare(base64url(sums.keyed(SUMS[name], key, head .. "." .. body)), signature) then
    return internal("the signature of the token is not valid")
  end
  local claims = json.decode(from_base64url(body) or "")
  if type(claims) ~= "table" then return internal("the token has no claims") end
  local now, err = command("now")
  if not now then return nil, err end
  now = now // 1000000000
  if require_exp ~= false and type(claims.exp) ~= "number" then return internal("the token has no exp") end
  if type(claims.exp) == "number" and now >= claims.exp then return internal("the token has expired") end
  if type(claims.nbf) == "number" and now < claims.nbf then return internal("the token is not valid yet") end
  return claims
end

local function missing() return nil, k.error("UNAVAILABLE", "this version of wippy has no encryption", false) end
crypto.encrypt = { aes = missing, chacha20 = missing }
crypto.decrypt = { aes = missing, chacha20 = missing }

return crypto
