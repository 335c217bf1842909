local worker = {}

function worker.work()
  process.registry.register("squares")
  while true do
    local message = process.inbox():receive()
    local number = message:payload():data()
    process.send(message:from(), "square", number, number * number)
  end
end

return worker
