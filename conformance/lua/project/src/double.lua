local util = require("util")
return { run = function(n) return util.double(n) end }
