-- `payload`: values with the form that they are in. Messages and results of calls come as
-- such.
local k = ...
local setmetatable, type, unpack = setmetatable, type, table.unpack
local methods = {}
local meta = k.payload_meta
meta.__index, meta.__name, meta.__metatable = methods, "payload", k.opaque

local FORMAT = {
  JSON = "json/plain", YAML = "yaml/plain", STRING = "text/plain", BYTES = "application/octet-stream",
  MSGPACK = "application/msgpack", LUA = "lua/any", GOLANG = "golang/any", ERROR = "golang/error",
}

-- The values are at 1 … n; `why` says why there are none.
local function make(format, n, ...)
  local p = setmetatable({ ... }, meta)
  p.n, p.format = n, format
  return p
end
k.payload = make

function methods:get_format() return self.format end
function methods:data()
  if self.why then return nil, self.why end
  return unpack(self, 1, self.n)
end
function methods:unmarshal()
  if self.why then return nil, self.why end
  if self.format == FORMAT.JSON then return k.module("json").decode(self[1]) end
  if self.format == FORMAT.YAML then return k.module("yaml").decode(self[1]) end
  return unpack(self, 1, self.n)
end
function methods:transcode(format)
  local value, err = self:unmarshal()
  if err then return nil, err end
  if format == self.format then return self end
  if format == FORMAT.LUA or format == FORMAT.GOLANG then return make(format, 1, value) end
  local text
  if format == FORMAT.JSON then
    text, err = k.module("json").encode(value)
  elseif format == FORMAT.YAML then
    text, err = k.module("yaml").encode(value)
  elseif (format == FORMAT.STRING or format == FORMAT.BYTES) and type(value) == "string" then
    text = value
  else
    err = k.error("INTERNAL", "the value cannot be brought into the form " .. k.c.tostring(format), false)
  end
  if err then return nil, err end
  return make(format, 1, text)
end
function meta.__tostring(p) return "payload{" .. p.format .. "}" end

return {
  format = FORMAT,
  new = function(value)
    return make(k.is_error(value) and FORMAT.ERROR or FORMAT.LUA, 1, value)
  end,
}
