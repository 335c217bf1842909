-- modules: text hash base64 crypto json yaml
-- What modules do with much lets others have their turns, and ends.
local text, hash, base64, crypto, json = require("text"), require("hash"), require("base64"), require("crypto"), require("json")

type Names = { string }
type Self = Self
type Twice = { Twice } | { Twice }

local turns, over = 0, false
local function long(name, work)
  local before = turns
  local results = table.pack(work())
  print(name, turns > before, table.unpack(results, 1, results.n))
end

local function main()
  coroutine.spawn(function() while not over do turns = turns + 1 end end)
  local much = ("0123456789abcdef"):rep(1 << 15)

  -- Each match looks at all that is left first.
  local last = text.regexp.compile(".*[^A-Z]|[A-Z]")
  local letters = ("A"):rep(3000)
  long("find_all", function() return #last:find_all_string(letters), #last:find_all_string(letters, 20) end)
  long("replace", function() return last:replace_all_string(letters, "b") == ("b"):rep(3000) end)
  long("split", function() return #text.regexp.compile(","):split(("x,"):rep(500)) end)
  print("empty", json.encode(text.regexp.compile("a*"):find_all_string("baac")), text.regexp.compile("a*"):replace_all_string("baac", "-"))

  long("sha256", function() return hash.sha256(much) end)
  long("hmac", function() return hash.hmac_sha256("x", much) == hash.hmac_sha256("x", hash.sha256(much, true)) end)
  long("fnv64", function() return hash.fnv64(much) end)
  long("pbkdf2", function() return #crypto.pbkdf2(much, much, 1000, 64) end)
  long("base64", function() return base64.decode(base64.encode(much .. "!")) == much .. "!" end)
  print("padding", select(2, base64.decode(("A"):rep(262142) .. "==AAAA")))
  long("compare", function() return crypto.constant_time_compare(much, much) end)

  local splitter = text.splitter.recursive({ chunk_size = 1, chunk_overlap = 0 })
  long("pieces", function() return #splitter:split_text(("x"):rep(5000)) end)
  local nearest = text.diff.new():patch_apply({ { start = 5000, before = "", old = "x", new = "y", after = "" } }, ("x"):rep(5000))
  print("patch", nearest == ("x"):rep(4999) .. "y")
  print("diff", select(2, text.diff.new():compare(("ab"):rep(4000), ("ba"):rep(4000) .. "?")))

  long("is", function() return #Names:is(table.move(table.pack(text.regexp.compile("x"):split(("yx"):rep(2000))), 1, 1, 1)[1]) end)
  print("itself", Self:is(1))
  local nest = 1
  for _ = 1, 10 do nest = { nest } end
  long("twice", function() return Twice:is(nest) == nil end)
  local items = {}
  for i = 1, 300 do items[i] = i end
  long("unique", function() return json.validate({ uniqueItems = true }, items) end)
  over = true
  return true
end

return { main = main }
