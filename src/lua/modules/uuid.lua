-- `uuid`: identifiers of RFC 9562. What is random in them comes from outside.
local k = ...
local command, type, format, sub, upper, lower = k.command, type, format, sub, upper, lower
local sums = k.module("sums")
local byte, match, gsub, tointeger = string.byte, string.match, string.gsub, math.tointeger

local function invalid(why) return nil, k.error("INVALID", why, false) end

-- Sixteen bytes as text.
local function written(bytes)
  local hex = k.hex(bytes)
  return sub(hex, 1, 8) .. "-" .. sub(hex, 9, 12) .. "-" .. sub(hex, 13, 16) .. "-" .. sub(hex, 17, 20) .. "-" .. sub(hex, 21)
end
-- The same with a version, and the variant of the RFC.
local function stamped(bytes, version)
  return written(sub(bytes, 1, 6) .. string.char(version << 4 | byte(bytes, 7) & 15) .. sub(bytes, 8, 8)
    .. string.char(128 | byte(bytes, 9) & 63) .. sub(bytes, 10))
end

-- The 32 digits of an identifier in one of its forms.
local function digits(id)
  -- "urn:uuid:" and 36 characters are the most.
  if type(id) ~= "string" or #id > 45 then return nil end
  local text = lower(id)
  text = match(text, "^urn:uuid:(.*)$") or match(text, "^{(.*)}$") or text
  local hex = match(text, "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$")
  if hex then return (gsub(hex, "%-", "")) end
  return match(text, "^" .. k.c.rep("%x", 32) .. "$")
end
local function bytes_of(hex)
  return (gsub(hex, "%x%x", function(two) return string.char(tonumber(two, 16)) end))
end

local function random(n)
  local bytes, err = command("random", n)
  if not bytes then return nil, k.error("INTERNAL", k.c.tostring(err), false) end
  return bytes
end

local uuid = {}

function uuid.v4()
  local bytes, err = random(16)
  if not bytes then return nil, err end
  return stamped(bytes, 4)
end

function uuid.v7()
  local now, err = command("now")
  if not now then return nil, err end
  local bytes
  bytes, err = random(10)
  if not bytes then return nil, err end
  return stamped(string.pack(">I6", now // 1000000) .. bytes, 7)
end

-- Intervals of 100 ns from 1582-10-15 to 1970.
local GREGORIAN = 122192928000000000

function uuid.v1()
  local now, err = command("now")
  if not now then return nil, err end
  local bytes
  bytes, err = random(8)
  if not bytes then return nil, err end
  local t = now // 100 + GREGORIAN
  local front = string.pack(">I4I2I2", t & 0xffffffff, t >> 32 & 0xffff, t >> 48 & 0x0fff)
  -- A node that is no card's has this bit.
  local node = string.char(byte(bytes, 3) | 1) .. sub(bytes, 4)
  return stamped(front .. sub(bytes, 1, 2) .. node, 1)
end

local function named(name, version)
  return function(namespace, value)
    local hex = digits(namespace)
    if not hex then return invalid("the namespace is no UUID") end
    if type(value) ~= "string" then return invalid("the name is a string") end
    return stamped(sub(sums.of(name, bytes_of(hex) .. value), 1, 16), version)
  end
end
uuid.v3, uuid.v5 = named("md5", 3), named("sha1", 5)

function uuid.validate(id) return digits(id) ~= nil end

local function version(hex) return tonumber(sub(hex, 13, 13), 16) end
local function variant(hex)
  local bits = tonumber(sub(hex, 17, 17), 16)
  if bits < 8 then return "NCS" end
  if bits < 12 then return "RFC4122" end
  if bits < 14 then return "Microsoft" end
  return "Future"
end
local NONE = "what is given is no UUID"
function uuid.version(id)
  local hex = digits(id)
  if not hex then return invalid(NONE) end
  return version(hex)
end
function uuid.variant(id)
  local hex = digits(id)
  if not hex then return invalid(NONE) end
  return variant(hex)
end

function uuid.parse(id)
  local hex = digits(id)
  if not hex then return invalid(NONE) end
  local info = { version = version(hex), variant = variant(hex) }
  if info.version == 1 then
    local time = tonumber(sub(hex, 14, 16) .. sub(hex, 9, 12) .. sub(hex, 1, 8), 16)
    info.timestamp = (time - GREGORIAN) // 10000000
    info.node = sub(hex, 21)
  elseif info.version == 7 then
    info.timestamp = tonumber(sub(hex, 1, 12), 16) // 1000
  end
  return info
end

function uuid.format(id, how)
  local hex = digits(id)
  if not hex then return invalid(NONE) end
  if how == nil or how == "standard" then return written(bytes_of(hex)) end
  if how == "simple" then return hex end
  if how == "urn" then return "urn:uuid:" .. written(bytes_of(hex)) end
  return invalid(format("there is no form '%s'; only standard, simple and urn", k.c.tostring(how)))
end

return uuid
