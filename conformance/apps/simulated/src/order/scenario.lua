local sim = require("sim")
local scenario = {}

function scenario.run(how)
  local host, me = "sim:processes", process.pid()
  process.spawn("sim.order:part", host, me, "head", "<head>")
  process.spawn("sim.order:part", host, me, "body", "<body>")
  local page = ""
  if how == "careful" then
    local head, body = process.listen("head"), process.listen("body")
    page = head:receive() .. body:receive()
  else
    for _ = 1, 2 do
      page = page .. process.inbox():receive():payload():data()
    end
  end
  sim.always("the head comes first", page == "<head><body>")
end

return scenario
