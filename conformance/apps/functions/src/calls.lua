-- Calls functions in wasm and Lua, waits for several, and shows what comes of errors.
local io, json, funcs = require("io"), require("json"), require("funcs")
local registry = require("registry")

local function show(what: string, value: any, err: any?)
  if err ~= nil then
    io.print(what, "error", err:kind(), err:retryable(), err:message())
  else
    io.print(what, json.encode(value))
  end
end

local function main()
  show("answer", funcs.call("app:answer"))
  show("compute", funcs.call("app:compute", 6, 7))
  show("divide", funcs.call("app:divide", 7, 2))
  show("by zero", funcs.call("app:divide", 7, 0))
  show("misfit", funcs.call("app:compute", "six"))
  show("missing", funcs.call("app:nothing"))
  show("no id", funcs.call("nothing"))
  show("flaky", funcs.call("app:flaky"))

  local executor = funcs.new():with_context({ request_id = "r-1" })
  show("who", executor:call("app:who", { 1, 2 }))
  show("worker", executor:call("app:worker", "a process"))

  -- One runs and one waits; there is no room for a third.
  local first, second, third = funcs.async("app:slow", "20ms"), funcs.async("app:slow", "1ms"), funcs.async("app:slow", "1ms")
  local full = third:response():receive()
  show("third", nil, full)
  local selected = channel.select({ first:channel():case_receive(), second:channel():case_receive() })
  show("first", selected.value:data())
  show("second", (second:response():receive()):data())

  local given_up = funcs.async("app:slow", "1h")
  show("canceled", given_up:cancel())
  show("result", given_up:result())
  show("timeout", funcs.new():with_options({ timeout = 5 }):call("app:slow", "1h"))

  -- Two turns are enough for two calls at a time.
  show("one more", funcs.call("app:countdown", 1))
  show("two more", funcs.call("app:countdown", 2))

  local wat = registry.find({ [".kind"] = "function.wat" })
  show("found", #wat)
  show("entry", registry.get("app:slow").data.pool)
end

return { main = main }
