-- A function that is imported for what its source returns.
local more = require("more")
local function handle(n) return -n end
return { handle = handle, factor = more.factor, sql = select(2, pcall(require, "sql")) }
