-- modules: text yaml json payload
local text, yaml, json, payload = require("text"), require("yaml"), require("json"), require("payload")
return { main = function()
  local word = text.regexp.compile([[(\w+)@(\w+)\.com]])
  print(word:match_string("to ada@example.com"), word:find_string("to ada@example.com"))
  print(json.encode(word:find_string_submatch("to ada@example.com")), word:num_subexp())
  print(word:replace_all_string("ada@example.com", "$2"))
  print(text.regexp.compile("(unclosed"))
  -- Time grows with the text, and no faster.
  print(text.regexp.compile("(a*)*b"):match_string(("a"):rep(2000)))
  print(yaml.encode({ list = { 1, 2 }, name = "x" }))
  print(json.encode(yaml.decode("a: [1, two, 3.5]\nb: null\nc: {d: true}\n")))
  print(select(2, yaml.decode("a: [")):kind())
  print(json.validate({ type = "object", required = { "n" }, properties = { n = { type = "integer" } } }, { n = 1 }))
  print(json.validate({ type = "array", items = { type = "string" } }, { "a", 5 }))
  local p = payload.new({ a = 1 })
  print(p:get_format(), p:transcode(payload.format.JSON):data(), json.encode(p:unmarshal()))
  return true
end }
