-- `security`: who acts, and the scope of what that may do, as they are handed on from a
-- process to those that it starts and calls. There are no policies here, so that nothing
-- is allowed by one, which is what `can` says; and nothing is refused because of it.
local k = ...
local setmetatable, type, next, error, format = setmetatable, type, next, error, format

local actors, scopes = {}, {}
local actor_meta = { __index = actors, __name = "actor", __metatable = k.opaque }
local scope_meta = { __index = scopes, __name = "scope", __metatable = k.opaque }

local function copy(t)
  local c = {}
  for key, value in next, t or {} do c[key] = value end
  return c
end

function actors:id() return self._id end
function actors:meta() return copy(self._meta) end
function scopes:policies() return {} end
local function no_policies() return nil, k.error("NOT_FOUND", "there are no policies here", false) end
function scopes:contains() return false end
function scopes:evaluate() return "undefined" end
scopes.with = no_policies
scopes.without = function(self) return self end

local function actor(id, meta) return setmetatable({ _id = id, _meta = copy(meta) }, actor_meta) end
local function scope() return setmetatable({}, scope_meta) end

-- An actor or a scope as a context holds it.
function k.security(value, what)
  if what == "actor" and type(value) == "table" and value.id == actors.id then
    return { id = value._id, meta = value._meta }
  end
  if what == "scope" and type(value) == "table" and value.policies == scopes.policies then
    return { policies = {} }
  end
  error(k.bad(1, "with_" .. what, what, value), 3)
end

return {
  actor = function()
    local own = k.context()[k.ACTOR]
    if own then return actor(own.id, own.meta) end
    return nil
  end,
  scope = function()
    if k.context()[k.SCOPE] then return scope() end
    return nil
  end,
  new_actor = function(id, meta)
    if type(id) ~= "string" or id == "" then error(k.bad(1, "new_actor", "string", id), 2) end
    return actor(id, type(meta) == "table" and meta or nil)
  end,
  new_scope = function(policies)
    if type(policies) == "table" and next(policies) ~= nil then return no_policies() end
    return scope()
  end,
  can = function() return false end,
  policy = no_policies,
  named_scope = no_policies,
  token_store = function() return nil, k.error("UNAVAILABLE", "there are no token stores here", false) end,
}
