-- `http_client`: requests to servers. Each waits for its answer; others go on meanwhile.
local k = ...
local command, setmetatable, type, next, format, tostring = k.command, setmetatable, type, next, format, tostring
local sub, lower, upper, find, gsub, match = sub, lower, upper, string.find, string.gsub, string.match
local concat, tointeger = table.concat, math.tointeger
local spawn, channel = coroutine.spawn, k.module("channel")
k.module("time")
local base64 = k.module("base64")

local SECOND = 1000000000
local TIMEOUT = 30 * SECOND
local MAX_BODY = 15 << 20
local REDIRECTS = 10

local function invalid(why) return nil, k.error("INVALID", why, false) end

-- Texts as they stand in queries and forms.
local function encoded(text)
  return (gsub(gsub(tostring(text), "[^%w%-%._~ ]", function(c) return format("%%%02X", string.byte(c)) end), " ", "+"))
end
local function sorted(t)
  local names = {}
  for name in next, t do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end
local function pairs_of(t)
  local parts = {}
  for _, name in next, sorted(t) do
    local value = t[name]
    if type(value) == "table" then
      for i = 1, #value do parts[#parts + 1] = encoded(name) .. "=" .. encoded(value[i]) end
    else
      parts[#parts + 1] = encoded(name) .. "=" .. encoded(value)
    end
  end
  return concat(parts, "&")
end

local function parsed(url)
  if type(url) ~= "string" then return invalid("a URL is a string") end
  local scheme, rest = match(url, "^(%a[%w+.-]*)://(.*)$")
  scheme = scheme and lower(scheme)
  if scheme ~= "http" and scheme ~= "https" then return invalid(format("'%s' is no URL that begins with http:// or https://", sub(url, 1, 200))) end
  rest = gsub(rest, "#.*$", "")
  local authority, path = match(rest, "^([^/?]*)(.*)$")
  local user, host = match(authority, "^(.*)@(.*)$")
  authority = host or authority
  if authority == "" then return invalid("the URL has no host") end
  if sub(path, 1, 1) ~= "/" then path = "/" .. path end
  if find(path, "[%c ]") then path = gsub(path, "[%c ]", function(c) return format("%%%02X", string.byte(c)) end) end
  return { scheme = scheme, authority = authority, path = path, user = user }
end
local function written(at) return at.scheme .. "://" .. at.authority .. at.path end

-- `Content-Type`, as the original gives names of fields.
local function canonical(name) return (gsub(gsub(name, "^%l", upper), "%-%l", upper)) end

local function multipart(options)
  local bytes, why = command("random", 16)
  if not bytes then return nil, why end
  local boundary, parts = "wippy" .. k.hex(bytes), {}
  local function quoted(text) return (gsub(tostring(text), '[\r\n"]', "_")) end
  for _, name in next, sorted(options.form or {}) do
    parts[#parts + 1] = format('--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n', boundary, quoted(name), tostring(options.form[name]))
  end
  for i = 1, #options.files do
    local file = options.files[i]
    if type(file) ~= "table" or type(file.name) ~= "string" or type(file.content) ~= "string" then
      return invalid(format("the file %d has no name and content", i))
    end
    parts[#parts + 1] = format('--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n',
      boundary, quoted(file.name), quoted(file.filename or file.name), quoted(file.content_type or "application/octet-stream"))
    parts[#parts + 1] = file.content .. "\r\n"
  end
  parts[#parts + 1] = "--" .. boundary .. "--\r\n"
  return concat(parts), "multipart/form-data; boundary=" .. boundary
end

-- Fields and body of a request, of the options.
local function prepared(at, options)
  local headers, has = {}, {}
  local function add(name, value)
    headers[#headers + 1] = { lower(name), tostring(value) }
    has[lower(name)] = true
  end
  for _, name in next, sorted(options.headers or {}) do
    if lower(name) ~= "host" then add(name, options.headers[name]) end
  end
  local body = options.body
  if body ~= nil and type(body) ~= "string" then return invalid("a body is a string") end
  if options.files then
    local text, kind = multipart(options)
    if not text then return nil, kind end
    body = text
    if not has["content-type"] then add("content-type", kind) end
  elseif options.form then
    body = type(options.form) == "table" and pairs_of(options.form) or tostring(options.form)
    if not has["content-type"] then add("content-type", "application/x-www-form-urlencoded") end
  end
  if options.cookies then
    local parts = {}
    for _, name in next, sorted(options.cookies) do parts[#parts + 1] = name .. "=" .. tostring(options.cookies[name]) end
    add("cookie", concat(parts, "; "))
  end
  local auth = options.auth
  if type(auth) == "table" and auth.user then
    add("authorization", "Basic " .. base64.encode(auth.user .. ":" .. (auth.pass or "")))
  elseif at.user and not has.authorization then
    add("authorization", "Basic " .. base64.encode(at.user))
  end
  if not has["user-agent"] then add("user-agent", "wippy") end
  return headers, body
end

local function timeout_of(options)
  local timeout = options.timeout
  if timeout == nil then return TIMEOUT end
  local ns
  if type(timeout) == "number" then ns = tointeger(timeout * SECOND // 1) else ns = k.nanoseconds(timeout) end
  if not ns or ns <= 0 then return nil, k.error("INVALID", "a timeout is a number of seconds above 0, or a duration", false) end
  return ns
end

-- Waits until a handle is ready, at most until then.
local function ready(what, handle, until_)
  local ok, why = command(what, handle, until_)
  if ok then return true end
  return nil, why or k.error("TIMEOUT", "the request takes too long", true)
end

local function send_body(body, handle, until_)
  local from = 1
  while from <= #body do
    local count, why = command("stream_write", handle, sub(body, from, from + 65535))
    if count == nil then return nil, why end
    if not count or count == 0 then
      local ok
      ok, why = ready("writable", handle, until_)
      if not ok then return nil, why end
    else
      from = from + count
    end
  end
  return command("http_finish", handle)
end

local function read_some(handle, n, until_)
  while true do
    local bytes, why = command("stream_read", handle, n)
    if bytes then
      if bytes == "" then return nil end
      return bytes
    end
    if bytes == nil then return nil, why end
    local ok
    ok, why = ready("readable", handle, until_)
    if not ok then return nil, why end
  end
end

local stream = {}
local stream_meta = { __index = stream, __name = "stream", __metatable = k.opaque }
function stream:read(n)
  if not self.handle then return nil, k.error("INVALID", "the stream is closed", false) end
  n = tointeger(n or 65536)
  if not n or n <= 0 or n > 1 << 20 then n = 65536 end
  local now, why = command("clock")
  if not now then return nil, why end
  return read_some(self.handle, n, now + TIMEOUT)
end
function stream:close()
  if self.handle then command("http_close", self.handle) end
  self.handle = nil
  return true
end

-- One exchange: status, fields, and the handle of the body.
local function exchange(method, at, headers, body, ns)
  local now, why = command("clock")
  if not now then return nil, why end
  local until_ = now + ns
  local out
  if body and body ~= "" then
    out, why = command("http_body", #body)
    if not out then return nil, why end
  elseif method == "POST" or method == "PUT" or method == "PATCH" then
    headers[#headers + 1] = { "content-length", "0" }
  end
  local sent
  sent, why = command("http_send", method, at.scheme, at.authority, at.path, headers, out, ns)
  if not sent then
    if out then command("http_close", out) end
    return nil, why
  end
  local function fail(err)
    command("http_close", sent)
    if out then command("http_close", out) end
    return nil, err
  end
  if out then
    local ok
    ok, why = send_body(body, out, until_)
    -- A server may answer before it has read all.
    if not ok and k.is_error(why) and why:kind() == "Timeout" then return fail(why) end
  end
  local ok
  ok, why = ready("readable", sent, until_)
  if not ok then return fail(why) end
  local response
  response, why = command("http_response", sent)
  if not response then return fail(why) end
  command("http_close", sent)
  if out then command("http_close", out) end
  return response, until_
end

local function cookies_of(fields)
  local all = {}
  for i = 1, #fields do
    if fields[i][1] == "set-cookie" then
      local name, value = match(fields[i][2], "^%s*([^=;]+)=([^;]*)")
      if name then all[name] = value end
    end
  end
  return all
end

-- Where an answer leads to, if it does.
local function redirect(response, at)
  local status = response.status
  if status ~= 301 and status ~= 302 and status ~= 303 and status ~= 307 and status ~= 308 then return nil end
  for i = 1, #response.headers do
    if response.headers[i][1] == "location" then
      local to = response.headers[i][2]
      if find(to, "^%a[%w+.-]*://") then return (parsed(to)) end
      if sub(to, 1, 2) == "//" then return (parsed(at.scheme .. ":" .. to)) end
      if sub(to, 1, 1) ~= "/" then to = match(gsub(at.path, "%?.*$", ""), "^(.*/)") .. to end
      return (parsed(at.scheme .. "://" .. at.authority .. to))
    end
  end
end

local function request(method, url, options)
  if options == nil then options = {} end
  if type(options) ~= "table" then return invalid("the options are a table") end
  if type(method) ~= "string" or not find(method, "^[%w!#$%%&'*+%-.^_`|~]+$") then return invalid("a method is a token such as GET") end
  method = upper(method)
  for _, name in next, { "tls", "unix_socket", "overlay_network" } do
    if options[name] ~= nil then return nil, k.error("UNAVAILABLE", format("the option '%s' is not there", name), false) end
  end
  local at, err = parsed(url)
  if not at then return nil, err end
  if type(options.query) == "table" and next(options.query) ~= nil then
    at.path = at.path .. (find(at.path, "?", 1, true) and "&" or "?") .. pairs_of(options.query)
  end
  local ns
  ns, err = timeout_of(options)
  if not ns then return nil, err end
  local headers, body = prepared(at, options)
  if not headers then return nil, body end
  local response, until_
  for turn = 0, REDIRECTS do
    response, until_ = exchange(method, at, headers, body, ns)
    if not response then return nil, until_ end
    local to = redirect(response, at)
    if not to then break end
    command("http_close", response.body)
    if turn == REDIRECTS then return nil, k.error("INTERNAL", format("more than %d redirects", REDIRECTS), false) end
    if response.status < 307 and method ~= "HEAD" then method, body = "GET", nil end
    local kept = {}
    for i = 1, #headers do
      local name = headers[i][1]
      local private = name == "authorization" or name == "cookie"
      local of_body = name == "content-length" or not body and name == "content-type"
      if not of_body and (to.authority == at.authority or not private) then kept[#kept + 1] = headers[i] end
    end
    headers, at = kept, to
  end
  local fields, result = {}, { status_code = response.status, url = written(at), cookies = cookies_of(response.headers) }
  for i = 1, #response.headers do
    local name, value = canonical(response.headers[i][1]), response.headers[i][2]
    fields[name] = fields[name] and fields[name] .. ", " .. value or value
  end
  result.headers = fields
  if options.stream then
    result.stream = setmetatable({ handle = response.body }, stream_meta)
    return result
  end
  local most = tointeger(options.max_response_body or 0)
  if not most or most <= 0 or most > MAX_BODY then most = MAX_BODY end
  local parts, size = {}, 0
  while true do
    local bytes
    bytes, err = read_some(response.body, 65536, until_)
    if err then
      command("http_close", response.body)
      return nil, err
    end
    if not bytes then break end
    size = size + #bytes
    if size > most then
      command("http_close", response.body)
      return nil, k.error("INVALID", format("the body of the answer has more than %d bytes", most), false)
    end
    parts[#parts + 1] = bytes
  end
  command("http_close", response.body)
  result.body, result.body_size = concat(parts), size
  return result
end

local client = { request = request }
for _, method in next, { "get", "post", "put", "patch", "delete", "head", "options" } do
  client[method] = function(url, options) return request(method, url, options) end
end

function client.request_batch(requests)
  if type(requests) ~= "table" then return invalid("the requests are a list of { method, url, options }") end
  local count, done = #requests, channel.new(#requests)
  local responses, errors = {}, nil
  for i = 1, count do
    spawn(function()
      local it = requests[i]
      local response, err
      if type(it) == "table" then
        response, err = request(it[1], it[2], it[3])
      else
        response, err = invalid(format("the request %d is no table", i))
      end
      done:send({ i, response, err })
    end)
  end
  for _ = 1, count do
    local it = done:receive()
    responses[it[1]] = it[2]
    if it[3] ~= nil then
      errors = errors or {}
      errors[it[1]] = it[3]
    end
  end
  for i = 1, count do
    if responses[i] == nil then responses[i] = false end
    if errors and errors[i] == nil then errors[i] = false end
  end
  return responses, errors
end

function client.encode_uri(text) return encoded(text) end
function client.decode_uri(text)
  if type(text) ~= "string" then return invalid("what is decoded is a string") end
  if find(text, "%%%X") or find(text, "%%.?$") and not find(text, "%%%x%x$") then return invalid("a % that no two digits follow") end
  return (gsub(gsub(text, "+", " "), "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

return client
