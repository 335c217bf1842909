return { main = function()
  local text, many = ("x"):rep(1 << 20), {}
  for i = 1, 4000 do many[i] = text end
  return many
end }
