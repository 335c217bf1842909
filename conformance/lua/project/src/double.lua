local util, negate = require("util"), require("negate")
return {
  run = function(n) return util.double(n) end,
  negative = function(n) return { negate.handle(n), negate.factor, negate.sql } end,
}
