-- Calls without end, and how it is said.
return { main = function()
  local function down(n) return 1 + down(n + 1) end
  down(1)
end }
