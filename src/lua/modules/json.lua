-- `json`: values as JSON, and back; and schemas.
local k = ...
local type = type

-- Such a text or value can be large: its work is paid for before the program goes on.
local function paid(kind, result, why)
  k.pay(0)
  if why then return nil, k.error(kind, why, false) end
  return result
end

local json = { null = k.null }

function json.encode(value) return paid("INTERNAL", k.json_encode(value)) end
function json.decode(text)
  if type(text) ~= "string" or text == "" then
    return nil, k.error("INVALID", "what is decoded is a string that is not empty", false)
  end
  local value, why = paid("INTERNAL", k.json_decode(text))
  if value == k.null then return nil end
  return value, why
end

-- A table, from itself or from JSON.
local function schema_of(schema)
  if type(schema) == "string" then
    local value, why = json.decode(schema)
    if why then return nil, k.error("INVALID", "the schema is no JSON: " .. why:message(), false) end
    schema = value
  end
  if type(schema) == "boolean" or type(schema) == "table" then return schema end
  return nil, k.error("INVALID", "a schema is a table, or JSON", false)
end

function json.validate(schema, data)
  local it, why = schema_of(schema)
  if it == nil then return false, why end
  if data == nil then return false, k.error("INVALID", "data is required", false) end
  local wrong = k.module("schema")(it, data)
  if wrong then return false, k.error("INVALID", wrong, false) end
  return true
end
function json.validate_string(schema, text)
  local it, why = schema_of(schema)
  if it == nil then return false, why end
  if type(text) ~= "string" or text == "" then return false, k.error("INVALID", "data is required", false) end
  local data
  data, why = paid("INVALID", k.json_decode(text))
  if why then return false, why end
  local wrong = k.module("schema")(it, data)
  if wrong then return false, k.error("INVALID", wrong, false) end
  return true
end

return json
