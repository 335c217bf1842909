local x = 1
if x then
  local = 5
end
