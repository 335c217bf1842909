-- `load`, which compiles text.
local k = ...
local error, type = error, type
local pay, bad = k.pay, k.bad

-- Text only, and not too much of it: the compiler cannot be interrupted.
local load0, MAX_CHUNK = k.c.load, 262144
function k.load(chunk, name, mode, ...)
  if type(chunk) == "function" then
    local pieces, size = {}, 0
    while true do
      local ok, piece = k.pcall(chunk)
      if not ok then return nil, piece end
      if piece == nil or piece == "" then break end
      if type(piece) ~= "string" then return nil, "reader function must return a string" end
      size = size + #piece
      if size > MAX_CHUNK then break end
      pieces[#pieces + 1] = piece
    end
    if size > MAX_CHUNK then return nil, "the chunk is larger than 256 KiB" end
    chunk = table.concat(pieces)
    name = name or "=(load)"
  end
  if type(chunk) ~= "string" then error(bad(1, "load", "string", chunk), 2) end
  if #chunk > MAX_CHUNK then return nil, "the chunk is larger than 256 KiB" end
  if name == "=?" then name = "=(load)" end
  if mode ~= nil and mode ~= "t" and mode ~= "bt" then
    return nil, "attempt to load chunk (only text can be loaded)"
  end
  pay(#chunk)
  return load0(chunk, name, "t", ...)
end
