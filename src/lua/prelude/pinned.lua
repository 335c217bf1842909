-- For a state that does the same in each run: what shows an address, and functions in C
-- that others of the library return.
local k = ...
local c, G, closed = k.c, k.G, k.closed
local own = { tostring = c.tostring, format = c.format, pairs = G.pairs, ipairs = G.ipairs, codes = utf8.codes }
local fixed, fixed_format, next0 = k.fixed, k.fixed_format, c.next

function c.tostring(...)
  local text = own.tostring(...)
  return fixed((...), text)
end
G.tostring = c.tostring
function c.format(...)
  local text = own.format(fixed_format(...))
  return text
end

local plain_next = own.pairs({})
function G.pairs(...)
  local step, t, first = own.pairs(...)
  if step == plain_next then step = next0 end
  return step, t, first
end
local each = closed((own.ipairs({})))
function G.ipairs(...)
  local _, t, first = own.ipairs(...)
  return each, t, first
end
local plain_code, code = own.codes(""), {}
code[1], code[2] = closed(plain_code), closed((own.codes("", true)))
function utf8.codes(...)
  local step, s, first = own.codes(...)
  return step == plain_code and code[1] or code[2], s, first
end
