local more = require("more")
return { double = function(n) return n * more.factor end }
