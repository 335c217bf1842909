-- Other processes. Functions give a value, or nil and an error.
local k = ...
k.module("channel")
local command, take, mailbox, setmetatable, type = k.command, k.take, k.mailbox, setmetatable, type
local format, sub, next, tostring = format, sub, next, tostring

local process = {
  null = k.null,
  event = { EXIT = "pid.exit", CANCEL = "pid.cancel", LINK_DOWN = "pid.link.down" },
}
local EVENTS = { exit = process.event.EXIT, cancel = process.event.CANCEL, link = process.event.LINK_DOWN }

function process.id() return (k.identity()) end
function process.pid()
  local _, pid = k.identity()
  return pid
end

-- Commands of the same names: made of one function, which takes less memory.
local function asked(name)
  return function(...) return command(name, ...) end
end
for _, name in next, { "send", "terminate", "monitor", "unmonitor", "link", "unlink" } do
  process[name] = asked(name)
end
process.registry = {}
for _, name in next, { "register", "unregister", "lookup" } do process.registry[name] = asked(name) end
-- How long it has, or why it is to end and how long it has.
function process.cancel(to, why, patience)
  if why ~= nil and patience == nil then
    k.module("time")
    if k.nanoseconds(why) then why, patience = nil, why end
  end
  if patience ~= nil then
    k.module("time")
    patience = k.nanoseconds(patience) or patience
  end
  return command("cancel", to, why, patience)
end

-- Starts, with what is handed on beside the arguments.
local spawner = {}
local spawner_meta = { __index = spawner, __name = "spawner", __metatable = k.opaque }
local function spawns(to, name, monitor, link)
  process[to] = function(id, host, ...) return command(name, id, host, monitor, link, nil, ...) end
  spawner[to] = function(self, id, host, ...)
    return command(name, id, host, monitor, link, self.context, ...)
  end
end
spawns("exec", "exec", false, false)
spawns("spawn", "spawn", false, false)
spawns("spawn_monitored", "spawn", true, false)
spawns("spawn_linked", "spawn", false, true)
spawns("spawn_linked_monitored", "spawn", true, true)

local function with_context(self, values)
  if type(values) ~= "table" then error(k.bad(1, "with_context", "table", values), 3) end
  local context = {}
  for key, value in next, self and self.context or {} do context[key] = value end
  for key, value in next, values do context[key] = value end
  return setmetatable({ context = context }, spawner_meta)
end
function process.with_context(values)
  local it = with_context(nil, values)
  return it
end
function spawner:with_context(values)
  local it = with_context(self, values)
  return it
end
function spawner:with_actor(actor) return self:with_context({ [k.ACTOR] = k.security(actor, "actor") }) end
function spawner:with_scope(scope) return self:with_context({ [k.SCOPE] = k.security(scope, "scope") }) end

local options = { trap_links = false }
function process.get_options() return { trap_links = options.trap_links } end
function process.set_options(new)
  if type(new) ~= "table" then error(k.bad(1, "set_options", "table", new), 2) end
  for name in next, new do
    if name ~= "trap_links" then error(format("there is no option '%s'; only trap_links", tostring(name)), 2) end
  end
  if new.trap_links == nil then return true end
  local ok, err = command("trap_links", new.trap_links and true or false)
  if ok then options.trap_links = new.trap_links and true or false end
  return ok, err
end

-- Messages.
k.module("payload")
local payload = k.payload
local message = {}
message.__index, message.__name, message.__metatable = message, "message", k.opaque
function message:topic() return self._topic end
function message:from() return self._from end
function message:payload() return self._payload end

-- Whether there is mail, and what becomes of it.
local function as_message(what, topic, from, why, ...)
  if what == nil then return false end
  local data = payload("lua/any", k.c.select("#", ...), ...)
  data.why = why
  return true, setmetatable({ _topic = topic, _from = from, _payload = data }, message)
end
local function as_data(what, _, _, why, ...)
  if what == nil then return false end
  if why then return true, why end
  return true, (...)
end
-- An event is its own payload.
local event_meta = { __index = { payload = function(event) return event end, data = function(event) return event end } }
local function as_event(what, from, value, err)
  if what == nil then return false end
  local event = setmetatable({ kind = EVENTS[what], from = from }, event_meta)
  if what == "cancel" then event.reason = value else event.result = { value = value, error = err } end
  return true, event
end

local inbox, events
local listening = {} -- channels by topic
function process.inbox()
  inbox = inbox or mailbox("@inbox", as_message)
  return inbox
end
function process.events()
  if not events then
    events = mailbox("@events", as_event)
    k.listen_events()
  end
  return events
end
function process.listen(topic, how)
  if type(topic) ~= "string" then error(k.bad(1, "listen", "string", topic), 2) end
  if topic == "" or sub(topic, 1, 1) == "@" then
    return nil, k.error("INVALID", format("a topic may not be empty or begin with @: '%s'", topic), false)
  end
  if listening[topic] then return listening[topic] end
  local messages = type(how) == "table" and how.message
  local ch = mailbox(topic, messages and as_message or as_data)
  listening[topic] = ch
  k.listen(topic, true)
  return ch
end
function k.forget(ch)
  k.sources[ch] = nil
  if ch == inbox then inbox = nil end
  if ch == events then events = nil end
  if listening[ch.source] == ch then
    listening[ch.source] = nil
    k.listen(ch.source, false)
  end
  ch.source = nil
end
function process.unlisten(ch)
  if type(ch) == "string" then ch = listening[ch] end
  if type(ch) ~= "table" or not k.sources[ch] then
    return nil, k.error("NOT_FOUND", "this channel does not listen to a topic", false)
  end
  ch:close()
  return true
end

return process
