-- Modules: each is made once, when it is first wanted.
local k = ...
local error, type, next, rawget, setmetatable0 = error, type, next, rawget, k.setmetatable
local bad = k.bad

local loaded = {}
function k.module(name)
  local module = loaded[name]
  if module == nil then
    module = k.prelude(name)(k, name)
    loaded[name] = module
  end
  return module
end

-- What libraries have returned, and which coroutine loads those that have not yet.
local libraries, loading = {}, {}
local leave = { __close = function(guard) loading[guard[1]] = nil end }

local function library(id)
  while loading[id] do
    if loading[id] == k.task() then error(("'%s' requires itself"):format(id), 3) end
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
    if what == "module" then return k.module(name) end
    if what ~= "import" then error(found, 2) end
    local value = library(found)
    return value
  end
end

-- The environment of another entry's chunk: the same globals, its own `require`.
function k.environment(unit)
  return setmetatable0({ require = k.requirer(unit) }, { __index = _G, __newindex = _G })
end

-- Three modules are there without `require`, from their first use.
local GLOBAL = { process = true, channel = true, errors = true }
setmetatable0(_G, {
  __index = function(_, name)
    if not GLOBAL[name] then return nil end
    local module = k.module(name)
    if rawget(_G, name) == nil then _G[name] = module end
    return module
  end,
})
function k.lazy()
  k.lazy = nil
  for name in next, GLOBAL do
    if rawget(_G, name) == nil then _G[name] = k.module(name) end
  end
  setmetatable0(_G, nil)
end
