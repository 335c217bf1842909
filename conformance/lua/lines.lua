-- modules: io
-- Lines, whatever pieces the input comes in.
local io = require("io")
return { main = function()
  for line in io.readline do io.write("[", line, "]") end
  print(io.readline(), io.read(), io.read(1))
end }
