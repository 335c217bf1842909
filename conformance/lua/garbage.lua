-- What is garbage takes no line from who prints.
local M = {}
function M.main()
  local function down(n) return 1 + down(n + 1) end
  local function kept() local t = {} for i = 1, 1e9 do t[i] = { i } end end
  for round = 1, 6 do
    print((pcall(down, 1)))
    print((pcall(kept)))
    for i = 1, 20 do print(round, i, pcall(string.rep)) end
  end
  return true
end
return M
