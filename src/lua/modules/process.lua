-- Other processes. Functions give a value, or nil and an error.
local k = ...
k.module("channel")
local command, take, mailbox, setmetatable, type = k.command, k.take, k.mailbox, setmetatable, type
local pack, unpack, format, sub = table.pack, table.unpack, format, sub

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
for _, name in next, { "send", "terminate", "cancel", "monitor", "unmonitor", "link", "unlink" } do
  process[name] = asked(name)
end
process.registry = {}
for _, name in next, { "register", "unregister", "lookup" } do process.registry[name] = asked(name) end
local function spawns(name, monitor, link)
  return function(id, host, ...) return command(name, id, host, monitor, link, ...) end
end
process.exec = spawns("exec", false, false)
process.spawn = spawns("spawn", false, false)
process.spawn_monitored = spawns("spawn", true, false)
process.spawn_linked = spawns("spawn", false, true)
process.spawn_linked_monitored = spawns("spawn", true, true)

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
local payload = {}
payload.__index, payload.__name = payload, "payload"
function payload:data()
  if self.why then return nil, self.why end
  return unpack(self, 1, self.n)
end
local message = {}
message.__index, message.__name = message, "message"
function message:topic() return self._topic end
function message:from() return self._from end
function message:payload() return self._payload end

-- Whether there is mail, and what becomes of it.
local function as_message(what, topic, from, why, ...)
  if what == nil then return false end
  local data = setmetatable(pack(...), payload)
  data.why = why
  return true, setmetatable({ _topic = topic, _from = from, _payload = data }, message)
end
local function as_data(what, _, _, why, ...)
  if what == nil then return false end
  if why then return true, why end
  return true, (...)
end
local function as_event(what, from, value, err)
  if what == nil then return false end
  local event = { kind = EVENTS[what], from = from }
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
  if listening[topic] then
    return nil, k.error("ALREADY_EXISTS", format("the topic '%s' is listened to already", topic), false)
  end
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
