-- `http`: the request that this process answers, and its answer. The answer is told when
-- the process has ended.
local k = ...
local setmetatable, type, next, format, tostring = setmetatable, type, next, format, tostring
local sub, lower, find, gsub, match = sub, lower, string.find, string.gsub, string.match
local concat = table.concat

local function invalid(why) return k.error("INVALID", why, false) end
local function class(name)
  local methods = {}
  return methods, { __index = methods, __name = name, __metatable = k.opaque }
end
local function decoded(text, plus)
  if plus then text = gsub(text, "+", " ") end
  return (gsub(text, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local req, req_meta = class("request")
local res, res_meta = class("response")

function req:method() return self.it.method end
function req:path() return decoded(self.it.path) end
function req:header(name)
  name = lower(tostring(name))
  local headers = self.it.headers
  for i = 1, #headers do
    if headers[i][1] == name then return headers[i][2] end
  end
  return nil
end
function req:headers()
  local all = {}
  for _, field in next, self.it.headers do
    all[field[1]] = all[field[1]] and all[field[1]] .. ", " .. field[2] or field[2]
  end
  return all
end
function req:query_params()
  if not self.params_of_query then
    local all = {}
    for part in string.gmatch(self.it.query, "[^&]+") do
      local name, value = match(part, "^([^=]*)=?(.*)$")
      name, value = decoded(name, true), decoded(value, true)
      all[name] = all[name] and all[name] .. "," .. value or value
    end
    self.params_of_query = all
  end
  local copy = {}
  for name, value in next, self.params_of_query do copy[name] = value end
  return copy
end
function req:query(name)
  if not self.params_of_query then self:query_params() end
  local value = self.params_of_query[name]
  return value
end
function req:params()
  local all = {}
  for name, value in next, self.it.params do all[name] = decoded(value) end
  return all
end
function req:param(name)
  local value = self.it.params[name]
  return value and decoded(value)
end
function req:body() return self.it.body or "" end
function req:has_body() return self.it.body ~= nil and self.it.body ~= "" end
function req:body_json()
  if not self:has_body() then return nil, invalid("there is no body") end
  local value, err = k.module("json").decode(self.it.body)
  if err then return nil, invalid(err:message()) end
  return value
end
function req:content_type() return self:header("content-type") end
function req:content_length()
  return math.tointeger(tonumber(self:header("content-length"))) or #self:body()
end
function req:host() return self:header("host") end
function req:remote_addr() return self.it.remote end
function req:is_content_type(wanted)
  local own = self:content_type()
  return own ~= nil and lower((match(own, "^%s*([^;%s]*)"))) == lower(tostring(wanted))
end
function req:accepts(wanted)
  local accept = self:header("accept")
  if accept == nil or accept == "" then return true end
  wanted = lower(tostring(wanted))
  local kind = match(wanted, "^[^/]*")
  for part in string.gmatch(accept, "[^,]+") do
    local one = lower((match(part, "^%s*([^;%s]*)")))
    if one == "*/*" or one == wanted or one == kind .. "/*" then return true end
  end
  return false
end
local stream, stream_meta = class("stream")
function stream:read(n)
  if self.closed then return nil, invalid("the stream is closed") end
  if self.at > #self.text then return nil end
  n = math.tointeger(n or 65536) or 65536
  local part = n <= 0 and sub(self.text, self.at) or sub(self.text, self.at, self.at + n - 1)
  self.at = self.at + #part
  return part
end
function stream:close()
  self.closed = true
  return true
end
function req:stream()
  if not self:has_body() then return nil, invalid("there is no body") end
  return setmetatable({ text = self.it.body, at = 1 }, stream_meta)
end

-- What has been said of the answer, as `k.start` gives it to the server.
local answer
local function begun(self)
  if #self.it.body > 0 then return invalid("the head of the answer is on its way: the body has begun") end
end
function res:set_status(status)
  local why = begun(self)
  if why then return why end
  local whole = math.tointeger(status)
  if not whole or whole < 200 or whole > 999 then return invalid(format("'%s' is no status", tostring(status))) end
  self.it.status = whole
end
function res:set_header(name, value)
  local why = begun(self)
  if why then return why end
  if type(name) ~= "string" or find(name, "[^%w!#$%%&'*+%-.^_`|~]") or name == "" then
    return invalid("the name of a field is a token")
  end
  value = tostring(value)
  if find(value, "[%c\127]") and find(value, "[^\t]") and find(value, "[\0-\8\10-\31\127]") then
    return invalid("the value of a field has no control characters")
  end
  self.it.fields[lower(name)] = value
end
function res:set_content_type(value)
  local err = self:set_header("content-type", value)
  return err
end
function res:set_transfer(how)
  local why = begun(self)
  if why then return why end
  if how == "sse" then
    self.it.fields["content-type"] = "text/event-stream"
    self.it.fields["cache-control"] = "no-cache"
  end
end
function res:write(text)
  if type(text) ~= "string" and type(text) ~= "number" then
    return invalid("what is written is a string")
  end
  local body = self.it.body
  body[#body + 1] = tostring(text)
end
function res:write_json(value)
  local text, err = k.module("json").encode(value)
  if err then return err end
  if not self.it.fields["content-type"] then self.it.fields["content-type"] = "application/json" end
  return self:write(text)
end
function res:write_event(event)
  if type(event) ~= "table" then return invalid("an event is a table") end
  if #self.it.body == 0 then self:set_transfer("sse") end
  local data = event.data
  if type(data) ~= "string" then
    local err
    data, err = k.module("json").encode(data)
    if err then return err end
  end
  local text = event.name and "event: " .. gsub(tostring(event.name), "[\r\n]", " ") .. "\n" or ""
  if event.id then text = text .. "id: " .. gsub(tostring(event.id), "[\r\n]", " ") .. "\n" end
  return self:write(text .. "data: " .. gsub(data, "\n", "\ndata: ") .. "\n\n")
end
-- All of it is sent when the process has ended.
function res:flush() return nil end

function k.answer()
  if not answer then return nil end
  local body = concat(answer.body)
  local headers = {}
  for name, value in next, answer.fields do headers[#headers + 1] = { name, value } end
  table.sort(headers, function(a, b) return a[1] < b[1] end)
  return { ["@response"] = true, status = answer.status, headers = headers, body = body }
end

local http = {
  METHOD = { GET = "GET", POST = "POST", PUT = "PUT", DELETE = "DELETE", PATCH = "PATCH", HEAD = "HEAD", OPTIONS = "OPTIONS" },
  STATUS = {
    OK = 200, CREATED = 201, ACCEPTED = 202, NO_CONTENT = 204, PARTIAL_CONTENT = 206, MOVED_PERMANENTLY = 301, FOUND = 302,
    SEE_OTHER = 303, NOT_MODIFIED = 304, TEMPORARY_REDIRECT = 307, PERMANENT_REDIRECT = 308, BAD_REQUEST = 400,
    UNAUTHORIZED = 401, PAYMENT_REQUIRED = 402, FORBIDDEN = 403, NOT_FOUND = 404, METHOD_NOT_ALLOWED = 405,
    NOT_ACCEPTABLE = 406, CONFLICT = 409, GONE = 410, UNPROCESSABLE = 422, UNPROCESSABLE_ENTITY = 422,
    TOO_MANY_REQUESTS = 429, INTERNAL_ERROR = 500, INTERNAL_SERVER_ERROR = 500, NOT_IMPLEMENTED = 501, BAD_GATEWAY = 502,
    SERVICE_UNAVAILABLE = 503, GATEWAY_TIMEOUT = 504,
  },
  CONTENT = {
    JSON = "application/json", FORM = "application/x-www-form-urlencoded", MULTIPART = "multipart/form-data",
    TEXT = "text/plain", STREAM = "application/octet-stream", HTML = "text/html",
  },
  TRANSFER = { CHUNKED = "chunked", SSE = "sse" },
}

local function context()
  local it = k.context()["@request"]
  if it then return it end
  return nil, k.error("UNAVAILABLE", "this process answers no request", false)
end
local own
function http.request(options)
  if own then return own end
  local it, err = context()
  if not it then return nil, err end
  local most = type(options) == "table" and options.max_body
  if most and it.body and #it.body > most then
    return nil, invalid(format("the body has %d bytes, more than %d", #it.body, most))
  end
  own = setmetatable({ it = it }, req_meta)
  return own
end
local said
function http.response()
  if said then return said end
  local it, err = context()
  if not it then return nil, err end
  answer = { status = 200, fields = {}, body = {} }
  said = setmetatable({ it = answer }, res_meta)
  return said
end

return http
