-- What few programs call: random numbers, and compiling.
local k = ...
local error, type, select = error, type, select
local pay, bad = k.pay, k.bad

-- Random numbers come from outside, once, when they are first wanted.
local math, seed0 = math, k.c.randomseed
local seeded = false
function math.randomseed(...)
  if select("#", ...) == 0 then seeded = false return end
  seeded = true
  return seed0(...)
end
function math.random(...)
  if not seeded then
    local bytes, why = k.command("random", 16)
    if not bytes then error(k.c.tostring(why), 2) end
    seed0(k.c.unpack("<i8i8", bytes))
    seeded = true
  end
  local result = k.c.random(...)
  return result
end

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
