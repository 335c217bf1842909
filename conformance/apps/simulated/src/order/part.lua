local part = {}

function part.send(to, topic, text)
  while not process.send(to, topic, text) do
    require("time").sleep("1ms")
  end
end

return part
