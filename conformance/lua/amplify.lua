-- modules: json logger
-- One string, and a thousand references to it: counted before anything is copied.
local json, logger = require("json"), require("logger")
return { main = function()
  local text = ("x"):rep(1 << 20)
  local many = {}
  for i = 1, 4000 do many[i] = text end
  print(process.send(process.pid(), "many", many))
  print(process.send(process.pid(), "many", table.unpack(many)))
  print(process.send(process.pid(), text))
  print(process.send(text, "many"))
  print(process.spawn("app:worker", nil, many))
  print(process.exec("app:worker", nil, { [text] = many }))
  print(process.registry.register(text))
  print(json.encode(many))
  print(json.encode({ [text] = { print } }))
  -- The text of a control character takes six bytes.
  print(json.encode(("\1"):rep(4 << 20)))
  logger.info(text, many)
  print(json.decode("[" .. ("1,"):rep(1 << 20) .. "1]"))
  local ok, why = pcall(error, errors.new({ message = text, details = many }))
  print(ok, #why:message(), #why:details())
  error(errors.new({ message = "with details", details = many }))
end }
