local M = {}
for i = 1, 20 do M["helper" .. i] = function() end end
M.mian = function() end
M.version = "1.0"
return M
