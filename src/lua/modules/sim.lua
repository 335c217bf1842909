-- `sim`: checks that a simulation looks at. Elsewhere they do nothing.
local k = ...
local command = k.command

return {
  always = function(name, holds) return command("always", name, not not holds) end,
  sometimes = function(name, holds) return command("sometimes", name, not not holds) end,
  reachable = function(name) return command("reachable", name) end,
}
