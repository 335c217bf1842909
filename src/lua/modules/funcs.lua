-- `funcs`: functions of the application. A call is a process of its own; `async` waits
-- for it in a coroutine of its own.
local k = ...
local command, type, setmetatable, format, next = k.command, type, setmetatable, format, next
local channel, spawn = k.module("channel"), coroutine.spawn
local payload = k.module("payload")

local last = 0 -- the number of the last call that can be given up

local function copy(t)
  local c = {}
  for key, value in next, t or {} do c[key] = value end
  return c
end

-- Futures.
local future = {}
local future_meta = { __index = future, __name = "future", __metatable = k.opaque }

function future:channel() return self.ch end
future.response = future.channel
function future:is_complete() return self.done end
function future:is_canceled() return self.canceled end
function future:result()
  if self.canceled then return nil, k.error("CANCELED", "the call has been canceled", false) end
  if not self.done then return nil, nil end
  if self.err then return nil, self.err end
  return self.value
end
function future:error()
  if self.err then return self.err, true end
  return nil, false
end
function future:cancel()
  if self.done then return false end
  self.canceled = true
  -- It may not have begun.
  command("give_up", self.number)
  return true
end

local function call(how, id, ...)
  return command("call", id, how.context, how.timeout, how.retry, 0, ...)
end

-- Wrong ids are told at once.
local function wrong(id)
  local namespace, name
  if type(id) == "string" then namespace, name = string.match(id, "^([^:]+):(.+)$") end
  if name then return nil end
  return k.error("INVALID", format("'%s' is no id of a function, namespace:name", k.c.tostring(id)), false)
end

local function async(how, id, ...)
  local why = wrong(id)
  if why then return nil, why end
  last = last + 1
  local it = setmetatable({ ch = channel.new(1), number = last, done = false, canceled = false }, future_meta)
  spawn(function(...)
    local value, err
    if it.canceled then
      err = k.error("CANCELED", "the call has been canceled", false)
    else
      value, err = command("call", id, how.context, how.timeout, how.retry, it.number, ...)
    end
    it.done = true
    if err ~= nil then
      it.err = err
      k.offer(it.ch, err)
    else
      it.value = payload.new(value)
      k.offer(it.ch, it.value)
    end
    it.ch:close()
  end, ...)
  return it
end

-- Executors: what calls have in common.
local executor = {}
local executor_meta = { __index = executor, __name = "executor", __metatable = k.opaque }

local function with(how, name, value)
  local it = setmetatable(copy(how), executor_meta)
  it[name] = value
  return it
end

function executor:with_context(values)
  if type(values) ~= "table" then error(k.bad(1, "with_context", "table", values), 2) end
  local context = copy(self.context)
  for key, value in next, values do context[key] = value end
  return with(self, "context", context)
end
function executor:with_actor(actor) return self:with_context({ [k.ACTOR] = k.security(actor, "actor") }) end
function executor:with_scope(scope) return self:with_context({ [k.SCOPE] = k.security(scope, "scope") }) end
function executor:with_options(options)
  if type(options) ~= "table" then error(k.bad(1, "with_options", "table", options), 2) end
  local it = with(self, "timeout", options.timeout or self.timeout)
  it.retry = options.retry or self.retry
  return it
end
function executor:call(id, ...)
  local why = wrong(id)
  if why then return nil, why end
  return call(self, id, ...)
end
function executor:async(id, ...) return async(self, id, ...) end

local plain = {}
return {
  call = function(id, ...)
    local why = wrong(id)
    if why then return nil, why end
    return call(plain, id, ...)
  end,
  async = function(id, ...) return async(plain, id, ...) end,
  new = function() return setmetatable({}, executor_meta) end,
}
