-- What a value is on the other side.
return { main = function()
  local round = function(v)
    process.send(process.pid(), "v", v)
    return (process.inbox():receive():payload():data())
  end
  for _, v in ipairs{ 1, -1, math.maxinteger, math.mininteger, 1.0, 0.5, 1e300, "text", "", true, false } do
    local back = round(v)
    print(v, back == v, math.type(v) == math.type(back))
  end
  print(round("\xff\0") == "\xff\0", round(nil), #round({ 1, 2, 3 }), next(round({})))
  local holes = round({ 1, nil, 3 })
  print(holes[1], holes[2], holes[3])
  local mixed = round({ "a", "b", x = 1, [10] = "ten", [true] = "yes", [1.5] = "f" })
  print(mixed[1], mixed[2], mixed.x, mixed[10], mixed[true], mixed[1.5])
  local backwards = {}
  for i = 100, 1, -1 do backwards[i] = i end
  print(#round(backwards), round(backwards)[100])
  local deep = {}
  for i = 1, 100 do deep = { deep } end
  print(process.send(process.pid(), "v", deep))
  local wide = { 1 }
  for i = 1, 40 do wide = { wide, wide } end
  print(process.send(process.pid(), "v", wide))
  local e = round({ err = errors.new{ message = "m", kind = "INVALID" } })
  print(e.err.kind, e.err.message, e.err.retryable)
  -- Nothing in a list is null, which keeps its place.
  local null = process.null
  print(null, type(null), null == nil, pcall(function() return null.x end))
  local list = round({ null, 2, null })
  print(#list, list[1] == null, list[2], list[3] == null, round(null), #round({ null, n = 3 }))
  print(round({ a = null }).a, round({ ok = null }).ok == null, round({ some = null }).some == null)
  -- A listened topic tells nil from no message.
  local ch = process.listen("v")
  process.send(process.pid(), "v", nil)
  print(ch:receive())
  return { 1, "two", { three = 3.0, none = null }, null }, null
end }
