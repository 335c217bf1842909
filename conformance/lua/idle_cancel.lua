return { main = function()
  local event = process.events():receive()
  print(event.kind == process.event.CANCEL, event.reason, event.from)
  return "a clean end"
end }
