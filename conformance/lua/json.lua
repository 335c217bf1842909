-- modules: json
local json = require("json")
return { main = function()
  print(json.encode({ b = 1, a = { 1, 2.5, "x", true }, c = { d = {} } }))
  print(json.encode("t\n\"ü"), json.encode(nil), json.encode(2^53), json.encode(9007199254740993))
  local v = json.decode('{"list": [1, 2, 3], "float": 1.5, "big": 9223372036854775807, "none": null, "text": "\\u00fc"}')
  print(#v.list, v.float, v.big, v.none, v.text, math.type(v.list[1]))
  print(json.decode("{"))
  print(json.decode("[1,]"))
  print(json.encode(print))
  print(json.encode({ { x = 0/0 } }))
  print(json.encode({ "\xff" }))
  print(json.decode(("["):rep(200)))
  print(json.encode(json.decode('{"z":1,"a":[{"b":[]}]}')))
  return true
end }
