-- A process that acts its part, as `guests/acts` and `native.rs` do.
local time, json = require("time"), require("json")

local part, others, known, script = nil, nil, {}, nil

-- Plays have the names of the constants, whose values are those of the original.
local names = {}
for name, kind in pairs(errors) do
  if type(kind) == "string" then names[kind] = name end
end

local function say(text) assert(process.send("log", part, text)) end

-- The kind; the message only if it is a play's own, which begins with `"`; what it
-- is about, in JSON.
local function show_error(err)
  if type(err) == "string" then return err end
  local text = names[err:kind()]
  if err:retryable() then text = text .. " again" end
  if err:message():sub(1, 1) == '"' then text = text .. " " .. err:message():match("^[^\n]*") end
  if err:details() ~= nil then text = text .. " about " .. json.encode(err:details()) end
  return text
end

local function show(value)
  if value == nil then return "nothing" end
  if type(value) == "table" then return "something else" end
  return tostring(value)
end

local function show_result(value, err)
  if err then return show_error(err) end
  return "ok " .. show(value)
end

local function knows(name, pid) known[name] = pid end
local function pid_of(name) return known[name] or name end
local function name_of(pid)
  if not pid then return "nobody" end
  for name, other in pairs(known) do
    if other == pid then return name end
  end
  return "somebody"
end

local function entry_of(id) return (id:gsub("%$", others)) end

-- The id, the host and the arguments of a process to start, and its ties.
local function start(name, words)
  local entry, host, all = "$", nil, {}
  local ties = (words:find("monitor") and "monitor" or "") .. (words:find("link") and "link" or "")
  for word in words:gmatch("%S+") do
    entry, host = word:match("^entry=(.*)") or entry, word:match("^host=(.*)") or host
  end
  for other, pid in pairs(known) do all[#all + 1] = other .. "=" .. pid end
  return ties, entry_of(entry), host, name, others, table.concat(all, " "), script
end

local SPAWN = {
  [""] = process.spawn,
  monitor = process.spawn_monitored,
  link = process.spawn_linked,
  monitorlink = process.spawn_linked_monitored,
}

local function tell_message(message)
  local data = show(message:payload():data())
  say(message:topic() .. " from " .. name_of(message:from()) .. ": " .. data)
end

local function tell_event(event)
  local from = name_of(event.from)
  if event.kind == process.event.CANCEL then
    say("cancel from " .. from .. ": " .. event.reason)
  else
    local what = event.kind == process.event.EXIT and "exit of " or "link down of "
    say(what .. from .. ": " .. show_result(event.result.value, event.result.error))
  end
end

-- A process is asked to end, and not just ended, if it has its events.
local function inbox()
  process.events()
  return process.inbox()
end

local function look(ch)
  local selected = channel.select { ch:case_receive(), default = true }
  return selected.value
end

-- Only failures are told.
local function plain(f)
  return function(act, name)
    local ok, err = f(pid_of(name))
    if not ok then say(act .. ": " .. show_error(err)) end
  end
end

local acts = {
  monitor = plain(process.monitor), unmonitor = plain(process.unmonitor),
  link = plain(process.link), unlink = plain(process.unlink),
  terminate = plain(process.terminate),
  register = plain(process.registry.register),
}
function acts.spawn(act, name, text)
  local function spawned(ties, ...) return SPAWN[ties](...) end
  local pid, err = spawned(start(name, text))
  if pid then knows(name, pid) else say(act .. ": " .. show_error(err)) end
end
function acts.exec(_, name, text)
  say("exec " .. name .. ": " .. show_result(process.exec(select(2, start(name, text)))))
end
acts["trap-links"] = function(_, name) process.set_options { trap_links = name == "on" } end
function acts.cancel(act, name, text)
  local patience, reason = text:match("^(%d*) ?(.*)")
  local ok, err = process.cancel(pid_of(name), reason, patience .. "ms")
  if not ok then say(act .. ": " .. show_error(err)) end
end
function acts.send(act, name, text)
  local topic, data = text:match("^(%S*) ?(.*)")
  local ok, err = process.send(pid_of(name), topic, data)
  if not ok then say(act .. ": " .. show_error(err)) end
end
function acts.flood(_, name)
  local sent = 0
  while true do
    local ok, err = process.send(pid_of(name), "flood", sent)
    if not ok then return say("sent " .. sent .. ", then " .. show_error(err)) end
    sent = sent + 1
  end
end
function acts.message(_, topic)
  if topic == "" then return tell_message((inbox():receive())) end
  -- Listened to for good: what comes for a topic that is not listened to any more is lost.
  local ch = process.listen(topic, { message = true })
  process.events()
  tell_message((ch:receive()))
end
function acts.notice() tell_event((process.events():receive())) end
function acts.look()
  local message = look(inbox())
  if message then tell_message(message) else say("no message") end
end
acts["look-notice"] = function()
  local event = look(process.events())
  if event then tell_event(event) else say("no notice") end
end
function acts.mail()
  local inbox, events = inbox(), process.events()
  local selected = channel.select { inbox:case_receive(), events:case_receive() }
  if selected.channel == inbox then tell_message(selected.value) else tell_event(selected.value) end
end
function acts.meet(_, name) knows(name, (inbox():receive()):from()) end
function acts.relay(_, id)
  local message = inbox():receive()
  local data, why = table.pack(message:payload():data()), nil
  if data[2] then return say(show_error(data[2])) end
  local value, err = process.exec(entry_of(id), nil, table.unpack(data, 1, data.n))
  if err then return say(show_error(err)) end
  assert(process.send("log", part, value))
end
function acts.unregister(act, name)
  local had, err = process.registry.unregister(name)
  say(act .. ": " .. (err and show_error(err) or tostring(had)))
end
function acts.lookup(act, name)
  local pid, err = process.registry.lookup(name)
  say(act .. ": " .. (err and show_error(err) or name_of(pid)))
end
function acts.note(act) say(act:sub(6)) end
acts["return"] = function(act) return { act:sub(8) } end
-- Lua has no function that ends its process from anywhere.
acts.exit = function(act) return { act:sub(6) } end
function acts.fail(_, kind, text)
  local message = text:match("^again (.*)")
  local again, details = message ~= nil, nil
  text = message or text
  local head, about = text:match("^(.*) about (.*)$")
  if about then text, details = head, json.decode(about) end
  return { nil, errors.new { kind = kind, message = text, retryable = again, details = details } }
end
function acts.trap() local nothing = nil; return nothing.field end
function acts.panic() error("on purpose") end
function acts.grow()
  local all = {}
  while true do all[#all + 1] = ("x"):rep(65536) .. #all end
end
function acts.spin() while true do end end
function acts.deaf() time.sleep(math.maxinteger) end
function acts.idle()
  local inbox, events = inbox(), process.events()
  while true do channel.select { inbox:case_receive(), events:case_receive() } end
end

local function act(...)
  local pairs_
  part, others, pairs_, script = ...
  for name, pid in pairs_:gmatch("(%S-)=(%S+)") do knows(name, pid) end
  knows(part, process.pid())
  for line in script:gmatch("[^\n]+") do
    local who, act = line:match("^(%S-): (.*)")
    if who == part then
      local verb, name, text = act:match("^(%S+) ?(%S*) ?(.*)")
      local f = acts[verb]
      if not f then say("there is no act " .. act) else
        local ends = f(act, name, text)
        if ends then return table.unpack(ends, 1, 2) end
      end
    end
  end
  return ""
end

local function echo(value) return value end

return { act = act, echo = echo }
