local ch = channel.new()
coroutine.spawn(function() ch:receive() end)
return { main = function()
  print(pcall(ch.receive, ch))
  channel.select{ ch:case_receive(), channel.new():case_send(1) }
end }
