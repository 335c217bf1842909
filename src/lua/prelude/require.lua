-- `require`: of modules, and of what other entries return.
local k = ...
local error, type, setmetatable0 = error, type, setmetatable
local bad, format = k.bad, format

-- What libraries have returned, and which coroutine loads those that have not yet.
local libraries, loading = {}, {}
local leave = { __close = function(guard) loading[guard[1]] = nil end }

local function library(id)
  while loading[id] do
    if loading[id] == k.task() then error(format("'%s' requires itself", id), 3) end
    k.rest()
  end
  local value = libraries[id]
  if value == nil then
    local guard <close> = setmetatable0({ id }, leave)
    loading[id] = k.task()
    value = k.unit(id, k.environment(id))()
    if value == nil then value = true end
    libraries[id] = value
  end
  return value
end

function k.requirer(unit)
  return function(name)
    if type(name) ~= "string" then error(bad(1, "require", "string", name), 2) end
    local what, found = k.resolve(unit, name)
    if what == "types" then return k.module("types") end
    if what == "module" then return k.module(name) end
    if what ~= "import" then error(found, 2) end
    local value = library(found)
    return value
  end
end

-- The environment of another entry's chunk: the same globals, its own `require`.
function k.environment(unit)
  return setmetatable0({ require = k.requirer(unit) }, { __index = k.G, __newindex = k.G })
end

return k.requirer(k.main_unit())
