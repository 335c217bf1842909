-- The standard streams and the arguments.
local k = ...
local command, select, tostring, concat, type = k.command, select, tostring, table.concat, type
local sub, find = sub, string.find
local io = {}

local function joined(separator, ...)
  local parts = { ... }
  for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
  return concat(parts, separator)
end

function io.write(...) return command("write", 1, joined("", ...)) end
function io.print(...) return command("write", 1, joined("\t", ...) .. "\n") end
function io.eprint(...) return command("write", 2, joined("\t", ...) .. "\n") end

-- All that is written is on its way already.
function io.flush() return true end

-- What has been read of the input and not been given: `rest` from `at` on.
local rest, at, ended = "", 1, false
local function more()
  local bytes, why = command("read", 65536)
  if not bytes then return nil, why end
  rest, at, ended = sub(rest, at) .. bytes, 1, bytes == ""
  return true
end

-- At most so many bytes of the input; nil at its end. Without a number all.
function io.read(n)
  if n ~= nil and (type(n) ~= "number" or (math.tointeger(n) or 0) < 1) then
    error("bad argument #1 to 'read' (a number of bytes expected)", 2)
  end
  while not ended and (n == nil or at > #rest) do
    local ok, why = more()
    if not ok then return nil, why end
  end
  if at > #rest then return nil end
  local part = sub(rest, at, n and at + n - 1 or -1)
  at = at + #part
  return part
end

-- The next line without its end; nil at the end of the input.
function io.readline()
  local from = at
  while true do
    local last = find(rest, "\n", from, true)
    if last then
      local line = sub(rest, at, last - 1)
      at = last + 1
      if sub(line, -1) == "\r" then line = sub(line, 1, -2) end
      return line
    end
    if ended then
      if at > #rest then return nil end
      local line = sub(rest, at)
      rest, at = "", 1
      return line
    end
    from = #rest - at + 2
    local ok, why = more()
    if not ok then return nil, why end
  end
end

function io.args() return k.args() end

return io
