local server = {}

function server.serve()
  while true do
    local message = process.inbox():receive()
    local name = message:payload():data()
    process.send(message:from(), "answer", name, "hello " .. name)
  end
end

return server
