local channel, sim, time = require("channel"), require("sim"), require("time")
local scenario = {}

function scenario.run(how)
  local server = process.spawn("sim.timeout:server", "sim:processes")
  local inbox = process.inbox()
  for _, name in ipairs({ "Ada", "Ben", "Cleo" }) do
    local answer
    repeat
      process.send(server, "question", name)
      local timer = time.after("100ms")
      repeat
        local got = channel.select({ inbox:case_receive(), timer:case_receive() })
        local late = got.channel == timer
        local asked, text
        if not late then
          asked, text = got.value:payload():data()
        end
        -- Who is careful takes no answer to something else.
        if text and (how ~= "careful" or asked == name) then answer = text end
      until late or answer
    until answer
    sim.always("the answer is to the question", answer == "hello " .. name)
  end
end

return scenario
