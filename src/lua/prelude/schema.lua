-- JSON Schema, the part that needs no other documents: what is wrong with a value.
local k = ...
local type, format, next, tostring = type, format, next, tostring
local null, tointeger = k.null, math.tointeger

local function is_list(t)
  if next(t) == nil then return true end
  return t[1] ~= nil and #t > 0
end
local function kind(v)
  if v == null or v == nil then return "null" end
  local name = type(v)
  if name == "table" then return is_list(v) and "array" or "object" end
  if name == "number" then return tointeger(v) and "integer" or "number" end
  return name
end
local function fits(v, name)
  local own = kind(v)
  if own == name then return true end
  if name == "number" then return own == "integer" end
  -- A table without anything is both.
  return (name == "object" or name == "array") and type(v) == "table" and next(v) == nil
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in next, a do
    if not same(value, b[key]) then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

local KNOWN = {}
for _, name in next, {
  "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
  "maxLength", "pattern", "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "properties", "required",
  "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired",
  "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "$defs", "definitions",
  "$schema", "$id", "$comment", "title", "description", "default", "examples", "format", "deprecated", "readOnly",
  "writeOnly",
} do
  KNOWN[name] = true
end

local check

local function number(s, v, at)
  if s.minimum and v < s.minimum then return format("%s: %s is less than the minimum %s", at, v, s.minimum) end
  if s.maximum and v > s.maximum then return format("%s: %s is more than the maximum %s", at, v, s.maximum) end
  if type(s.exclusiveMinimum) == "number" and v <= s.exclusiveMinimum then
    return format("%s: %s is not above %s", at, v, s.exclusiveMinimum)
  end
  if type(s.exclusiveMaximum) == "number" and v >= s.exclusiveMaximum then
    return format("%s: %s is not below %s", at, v, s.exclusiveMaximum)
  end
  if s.multipleOf and v % s.multipleOf ~= 0 then return format("%s: %s is no multiple of %s", at, v, s.multipleOf) end
end

local function matches(pattern, text)
  local found, why = k.regex("match", pattern, text)
  if why then return nil, why end
  return found
end

local function text(s, v, at)
  local length = utf8.len(v) or #v
  if s.minLength and length < s.minLength then return format("%s: the length %d is less than %d", at, length, s.minLength) end
  if s.maxLength and length > s.maxLength then return format("%s: the length %d is more than %d", at, length, s.maxLength) end
  if s.pattern then
    local found, why = matches(s.pattern, v)
    if not found then return why or format("%s: it does not match the pattern %s", at, s.pattern) end
  end
end

local function list(s, v, at, root, depth)
  local n = #v
  if s.minItems and n < s.minItems then return format("%s: %d items, fewer than %d", at, n, s.minItems) end
  if s.maxItems and n > s.maxItems then return format("%s: %d items, more than %d", at, n, s.maxItems) end
  local first = type(s.prefixItems) == "table" and s.prefixItems or {}
  for i = 1, n do
    local item = first[i]
    if item == nil then item = s.items end
    if item ~= nil then
      local wrong = check(item, v[i], at .. "/" .. i - 1, root, depth)
      if wrong then return wrong end
    end
    if s.uniqueItems then
      for j = 1, i - 1 do
        if same(v[i], v[j]) then return format("%s: the items %d and %d are the same", at, j - 1, i - 1) end
      end
    end
  end
  if s.contains ~= nil then
    for i = 1, n do
      if not check(s.contains, v[i], at, root, depth) then return nil end
    end
    return format("%s: no item is as one has to be", at)
  end
end

local function object(s, v, at, root, depth)
  for _, name in next, s.required or {} do
    if v[name] == nil then return format("%s: the property '%s' is missing", at, tostring(name)) end
  end
  local count = 0
  for name, value in next, v do
    count = count + 1
    local known = false
    local function part(schema)
      known = true
      return check(schema, value, at .. "/" .. tostring(name), root, depth)
    end
    local own = s.properties and s.properties[name]
    local wrong
    if own ~= nil then wrong = part(own) end
    for pattern, schema in next, s.patternProperties or {} do
      local found, why = matches(pattern, tostring(name))
      if why then return why end
      if found and not wrong then wrong = part(schema) end
    end
    if not known and s.additionalProperties ~= nil then
      if s.additionalProperties == false then
        wrong = format("%s: there is no property '%s'", at, tostring(name))
      else
        wrong = part(s.additionalProperties)
      end
    end
    if not wrong and s.propertyNames ~= nil then wrong = check(s.propertyNames, tostring(name), at, root, depth) end
    if wrong then return wrong end
  end
  if s.minProperties and count < s.minProperties then return format("%s: %d properties, fewer than %d", at, count, s.minProperties) end
  if s.maxProperties and count > s.maxProperties then return format("%s: %d properties, more than %d", at, count, s.maxProperties) end
  for name, needs in next, s.dependentRequired or {} do
    if v[name] ~= nil then
      for _, other in next, needs do
        if v[other] == nil then return format("%s: the property '%s' is missing beside '%s'", at, other, name) end
      end
    end
  end
end

-- The schema that a reference into the same document means.
local function resolve(root, ref)
  if ref == "#" then return root end
  local at = root
  local path = string.match(ref, "^#/(.*)$")
  if not path then return nil end
  for part in string.gmatch(path, "[^/]+") do
    part = string.gsub(string.gsub(part, "~1", "/"), "~0", "~")
    at = type(at) == "table" and at[part]
  end
  return at
end

function check(s, v, at, root, depth)
  if s == true then return nil end
  if s == false then return at .. ": nothing is allowed here" end
  if type(s) ~= "table" then return at .. ": the schema is no table" end
  depth = depth + 1
  if depth > 64 then return at .. ": the schema leads deeper than 64 levels" end
  k.pay(20)
  for name in next, s do
    if not KNOWN[name] and s ~= root and type(name) == "string" and string.sub(name, 1, 2) ~= "x-" then
      return format("%s: the schema has '%s', which is not known here", at, name)
    end
  end
  if s["$ref"] then
    local other = resolve(root, s["$ref"])
    if other == nil then return format("%s: the schema refers to %s, which is not there", at, tostring(s["$ref"])) end
    local wrong = check(other, v, at, root, depth)
    if wrong then return wrong end
  end
  if s.type then
    local ok = false
    for _, name in next, type(s.type) == "table" and s.type or { s.type } do ok = ok or fits(v, name) end
    if not ok then
      local names = type(s.type) == "table" and table.concat(s.type, " or ") or s.type
      return format("%s: expected %s, got %s", at, names, kind(v))
    end
  end
  if s.enum then
    local ok = false
    for _, value in next, s.enum do ok = ok or same(value, v) end
    if not ok then return at .. ": it is none of the values of enum" end
  end
  if s.const ~= nil and not same(s.const, v) then return at .. ": it is another value than const" end
  local wrong
  if type(v) == "number" then
    wrong = number(s, v, at)
  elseif type(v) == "string" then
    wrong = text(s, v, at)
  elseif type(v) == "table" and is_list(v) and not s.required and not s.properties then
    wrong = list(s, v, at, root, depth)
  elseif type(v) == "table" then
    wrong = object(s, v, at, root, depth)
  end
  if wrong then return wrong end
  for _, part in next, s.allOf or {} do
    wrong = check(part, v, at, root, depth)
    if wrong then return wrong end
  end
  for _, name in next, { "anyOf", "oneOf" } do
    if s[name] then
      local count = 0
      for _, part in next, s[name] do
        if not check(part, v, at, root, depth) then count = count + 1 end
      end
      if count == 0 then return format("%s: it fits none of %s", at, name) end
      if name == "oneOf" and count > 1 then return format("%s: it fits %d of oneOf", at, count) end
    end
  end
  if s["not"] ~= nil and not check(s["not"], v, at, root, depth) then return at .. ": it fits what it must not" end
  if s["if"] ~= nil then
    local part = s["else"]
    if not check(s["if"], v, at, root, depth) then part = s["then"] end
    if part ~= nil then return check(part, v, at, root, depth) end
  end
end

return function(schema, data) return check(schema, data, "data", schema, 0) end
