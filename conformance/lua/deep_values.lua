-- modules: json
-- Values that nothing can follow to their end.
local json = require("json")
return { main = function()
  local deep = {}
  for _ = 1, 100000 do deep = { deep } end
  print(process.send(process.pid(), "deep", deep))
  print(json.encode(deep))
  print(json.decode(("["):rep(1000000)))
  print(json.decode(('{"a":'):rep(1000000)))
  print(json.decode(("["):rep(64) .. ("]"):rep(64)) ~= nil)
  print(json.decode("[1] 2"))
  local round = {}
  round.round = { round }
  print(json.encode(round))
  -- Metatables change nothing, and are not called.
  local wild = setmetatable({ 1, 2 }, {
    __index = function() error("index") end, __len = function() return 1 << 40 end,
    __pairs = function() error("pairs") end, __tostring = function() error("tostring") end,
  })
  print(json.encode(wild), json.encode({ a = wild }))
  print(json.encode({ 1, 2, [3] = 1 / 0 }))
  print(json.encode({ [("k"):rep(100000)] = 1 / 0 }))
  print(json.encode({ [("k"):rep(100000)] = print }))
  -- Nothing is null where something would be lost.
  local some = json.decode('{"some": null, "list": [{"ok": null}, {"err": null, "x": 1}, {"x": null}]}')
  print(some.some, some.list[1].ok == json.null, some.list[2].err, next(some.list[3]))
  print(json.decode('{"some": 1, "some": null}').some == json.null)
  print(json.decode("18446744073709551615"))
  print(json.decode("-0"), json.decode("1e2"), json.decode("1E400"))
  return true
end }
