local M = {}

function M.main(
end
return M
