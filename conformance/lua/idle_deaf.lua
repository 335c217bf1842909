return { main = function()
  process.inbox():receive()
  print("not reached")
end }
