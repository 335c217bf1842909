-- Runs each test of the application, or of the suites that are named, and prints a line
-- for it: `test`, the suite, the id, and `ok` or what has gone wrong.
local io = require("io")
local registry = require("registry")
local funcs = require("funcs")

local function main(...)
  local wanted = {}
  for _, suite in ipairs({ ... }) do wanted[suite] = true end
  local tests, why = registry.find({ ["meta.type"] = "test" })
  if why then return nil, why end
  table.sort(tests, function(a, b)
    local first, second = a.meta.order or 0, b.meta.order or 0
    if first ~= second then return first < second end
    return a.id < b.id
  end)
  local executor = funcs.new():with_options({ timeout = 30000 })
  for _, test in ipairs(tests) do
    local suite = test.meta.suite or "other"
    if next(wanted) == nil or wanted[suite] then
      local result, err = executor:call(test.id)
      local said = "ok"
      if err then
        said = tostring(err):gsub("%s+", " ")
      elseif result == false then
        said = "it returned false"
      end
      io.print(table.concat({ "test", suite, test.id, said:sub(1, 400) }, "\t"))
    end
  end
  io.print("done")
end

return { main = main }
