-- modules: time
local util = require("app:util")
return { main = function()
  print(util.twice(21), require("app:util") == util, util.loads)
  util.global()
  print(seen)
  util.fail()
end }
