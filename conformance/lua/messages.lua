local M = {}
function M.main()
  local me = process.pid()
  print(process.send(me, "greeting", "hello", { n = 1 }))
  local msg = process.inbox():receive()
  local data, more = msg:payload():data()
  print(msg:topic(), msg:from() == me, data, more.n)
  -- A topic of its own.
  local jobs = process.listen("job")
  local whole = process.listen("whole", { message = true })
  process.send(me, "other", 1)
  process.send(me, "job", "j1")
  process.send(me, "whole", "w1")
  process.send(me, "job", "j2")
  print(jobs:receive(), jobs:receive(), whole:receive():payload():data(), process.inbox():receive():topic())
  print(process.listen("job") == jobs)
  print(select(2, process.listen("@exit")))
  print(process.unlisten(jobs), jobs:receive())
  -- What comes for a topic that nobody listens to any more is lost.
  process.send(me, "job", "nobody's")
  process.send(me, "next", "somebody's")
  print(process.inbox():receive():payload():data())
  print(select(2, process.unlisten(jobs)))
  -- A message wakes one that waits, through select as well.
  local answer = channel.new()
  coroutine.spawn(function()
    local r = channel.select{ answer:case_receive(), process.inbox():case_receive() }
    answer:send(r.value:topic())
  end)
  process.send(me, "wake")
  print(answer:receive())
  -- Names.
  print(process.registry.register("me"), process.registry.lookup("me") == me, process.send("me", "x"))
  print(process.inbox():receive():topic(), process.registry.unregister("me"), process.registry.unregister("me"))
  print(process.registry.lookup("me"))
  -- What cannot be sent, and whom it cannot be sent to.
  print(process.send(me, "t", { a = { 1, print } }))
  local loop = {}
  loop.loop = { loop }
  print(process.send(me, "t", loop))
  print(process.send(me, "t", { [{}] = 1 }))
  print(process.send(me, "@reserved", 1))
  print(process.send("nobody", "t"))
  print(process.send(nil, "t"))
  print(pcall(process.inbox().send, process.inbox(), 1))
  -- Options and the rest.
  print(process.get_options().trap_links, process.set_options{ trap_links = true }, process.get_options().trap_links)
  print(pcall(process.set_options, { trap = 1 }))
  local pid = process.spawn_linked_monitored("app:worker", "app:host", 1, 2)
  local event = process.events():receive()
  print(pid, event.kind, event.from == pid, event.result.value, event.result.error)
  process.spawn_monitored("app:worker", nil, "x")
  event = process.events():receive()
  print(event.result.value, event.result.error, event.result.error:kind())
  process.spawn_monitored("app:worker", nil, -1)
  print(process.events():receive().result.error)
  print(process.spawn("app:none", "app:host"))
  for _, name in ipairs{ "monitor", "unmonitor", "link", "unlink", "terminate" } do
    io = process[name](pid)
    print(name, io)
  end
  process.cancel(me, "enough")
  event = process.events():receive()
  print(event.kind, event.reason)
  return true
end
return M
