-- Channels with Go's semantics. A coroutine that waits is a waiter; it stands in
-- the queue of each channel that it waits for, and leaves all of them at once.
local k = ...
local error, type, setmetatable, next, format, tointeger = error, type, setmetatable, next, format, math.tointeger
local park, wake, task, take = k.park, k.wake, k.task, k.take
local bad, isyieldable = k.bad, coroutine.isyieldable

local methods = {}
local meta = { __index = methods, __name = "channel", __metatable = false }
local sources = {} -- channels that the mail fills, by what they take
k.sources = sources

local function is(ch) return type(ch) == "table" and rawequal(getmetatable(ch), false) and ch.size ~= nil end

-- Queues of nodes.
local function push(queue, node)
  local last = queue.back
  last.front, node.front, node.back, queue.back = node, queue, last, node
end
local function unlink(node)
  local front, back = node.front, node.back
  if front then
    front.back, back.front, node.front, node.back = back, front, nil, nil
  end
end
local function queue()
  local q = {}
  q.front, q.back = q, q
  return q
end
local function first(queue)
  if queue and queue.front ~= queue then return queue.front end
end

local function fire(node, value, ok)
  local waiter = node.waiter
  waiter.fired, waiter.value, waiter.ok = node, value, ok
  for i = 1, #waiter do unlink(waiter[i]) end
  wake(waiter.task)
end

local function store(ch, value)
  local last = ch.last + 1
  ch.last, ch[last] = last, value
end

-- Whether it can be received now; then the value, and whether there was one.
local function try_receive(ch)
  if ch.source then
    local got, value = ch.take(take(ch.source))
    if got then return true, value, true end
  elseif ch.head <= ch.last then
    local head = ch.head
    local value = ch[head]
    ch.head, ch[head] = head + 1, nil
    local sender = first(ch.senders)
    if sender then
      store(ch, sender.value)
      fire(sender, nil, true)
    end
    return true, value, true
  else
    local sender = first(ch.senders)
    if sender then
      local value = sender.value
      fire(sender, nil, true)
      return true, value, true
    end
  end
  if ch.closed then return true, nil, false end
  return false
end

-- Whether it could be sent now; nil if the channel is closed.
local function try_send(ch, value)
  if ch.closed then return nil end
  local receiver = first(ch.receivers)
  if receiver then
    fire(receiver, value, true)
    return true
  end
  if ch.last - ch.head + 1 < ch.size then
    store(ch, value)
    return true
  end
  return false
end
k.offer = try_send

local function wait(waiter, ch, side, value, case)
  if not isyieldable() then error("a coroutine cannot wait inside a C function", 3) end
  local node = { waiter = waiter, value = value, case = case }
  waiter[#waiter + 1] = node
  local q = ch[side]
  if not q then
    q = queue()
    ch[side] = q
  end
  push(q, node)
end

local CLOSED = "send on closed channel"

function methods:send(value)
  if self.source then error("this channel is filled with messages; nothing can be sent on it", 2) end
  local sent = try_send(self, value)
  if sent == nil then error(CLOSED, 2) end
  if not sent then
    local waiter = { task = task() }
    wait(waiter, self, "senders", value)
    park()
    if not waiter.ok then error(CLOSED, 2) end
  end
  return true
end

function methods:receive()
  local got, value, ok = try_receive(self)
  if got then return value, ok end
  local waiter = { task = task() }
  wait(waiter, self, "receivers")
  park()
  return waiter.value, waiter.ok
end

function methods:close()
  if self.closed then error("close of closed channel", 2) end
  self.closed = true
  if self.source then k.forget(self) end
  local node = first(self.receivers)
  while node do
    fire(node, nil, false)
    node = first(self.receivers)
  end
  node = first(self.senders)
  while node do
    fire(node, nil, false)
    node = first(self.senders)
  end
end

function methods:case_receive() return { channel = self } end
function methods:case_send(value) return { channel = self, send = true, value = value } end

local turn = 0

-- Of several cases that can go on, each gets its turn.
local function select(cases)
  if type(cases) ~= "table" then error(bad(1, "select", "table", cases), 2) end
  local count = #cases
  for i = 1, count do
    local case = cases[i]
    if type(case) ~= "table" or not is(case.channel) then
      error(format("case %d is none; write channel:case_receive() or channel:case_send(value)", i), 2)
    end
    if case.send and case.channel.source then
      error("this channel is filled with messages; nothing can be sent on it", 2)
    end
  end
  turn = turn + 1
  for i = 1, count do
    local case = cases[(turn + i) % count + 1]
    local ch = case.channel
    if case.send then
      local sent = try_send(ch, case.value)
      if sent == nil then error(CLOSED, 2) end
      if sent then return { channel = ch, ok = true } end
    else
      local got, value, ok = try_receive(ch)
      if got then return { channel = ch, value = value, ok = ok } end
    end
  end
  if cases.default then return { default = true, ok = true } end
  local waiter = { task = task() }
  for i = 1, count do
    local case = cases[i]
    wait(waiter, case.channel, case.send and "senders" or "receivers", case.value, case)
  end
  park()
  local case = waiter.fired.case
  if case.send then
    if not waiter.ok then error(CLOSED, 2) end
    return { channel = case.channel, ok = true }
  end
  return { channel = case.channel, value = waiter.value, ok = waiter.ok }
end

local MAX_SIZE = 1 << 20
local function new(size)
  if size == nil then size = 0 end
  if type(size) == "number" then size = tointeger(size) or -1 end
  if type(size) ~= "number" or size < 0 or size > MAX_SIZE then
    error("the size of a channel is an integer from 0 to 1048576", 2)
  end
  return setmetatable({ size = size, head = 1, last = 0, closed = false }, meta)
end

-- A channel that takes its values out of the mail; `make` builds them.
function k.mailbox(source, make)
  local ch = new(0)
  ch.source, ch.take = source, make
  sources[ch] = true
  return ch
end

-- Hands mail that has come to those who wait for it.
function k.deliver()
  for ch in next, sources do
    local node = first(ch.receivers)
    while node do
      local got, value = ch.take(take(ch.source))
      if not got then break end
      fire(node, value, true)
      node = first(ch.receivers)
    end
  end
end

-- Whether somebody waits for mail.
function k.expects()
  for ch in next, sources do
    if first(ch.receivers) then return true end
  end
  return false
end

return { new = new, select = select }
