-- `json`: values as JSON, and back.
local k = ...

-- Such a text or value can be large: its work is paid for before the program goes on.
local function paid(result, why)
  k.pay(0)
  if why then return nil, why end
  return result
end

return {
  null = k.null,
  encode = function(value) return paid(k.json_encode(value)) end,
  decode = function(text) return paid(k.json_decode(text)) end,
}
