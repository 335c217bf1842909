local http = require("http")

local function hello()
  local req, res = http.request(), http.response()
  local body
  if req:has_body() then body = req:body_json() end
  res:set_header("x-method", req:method())
  res:set_status(201)
  res:write_json({ name = req:param("name"), q = req:query("q"), path = req:path(), body = body })
end

local function fails() error("a secret of the program") end

local function refuses() return nil, errors.new({ kind = errors.NOT_FOUND, message = "nothing is here" }) end

return { hello = hello, fails = fails, refuses = refuses }
