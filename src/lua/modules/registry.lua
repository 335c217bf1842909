-- `registry`: the entries of the project, to be read.
local k = ...
local command, type, find, sub, format = k.command, type, string.find, sub, format

local function unchangeable()
  return nil, k.error("UNAVAILABLE", "entries cannot be changed while the project runs", false)
end

local registry = {}

function registry.get(id)
  if type(id) == "table" then id = (id.ns or "") .. ":" .. (id.name or "") end
  if type(id) ~= "string" or id == "" then
    return nil, k.error("INVALID", "the id of an entry is a string, namespace:name", false)
  end
  return command("entry", id)
end

-- Entries by `.kind`, `.ns`, `.name`, and what their `meta` has, with `meta.` in front or
-- without.
function registry.find(filter)
  if filter ~= nil and type(filter) ~= "table" then
    return nil, k.error("INVALID", "the filter is a table", false)
  end
  return command("find_entries", filter)
end

function registry.parse_id(id)
  if type(id) ~= "string" then error(k.bad(1, "parse_id", "string", id), 2) end
  local at = find(id, ":", 1, true)
  if not at then return { ns = "", name = id } end
  return { ns = sub(id, 1, at - 1), name = sub(id, at + 1) }
end

for _, name in next, { "snapshot", "snapshot_at", "apply_version", "versions", "current_version", "history" } do
  registry[name] = unchangeable
end

return registry
