-- The standard streams and the arguments.
local k = ...
local command, select, tostring, concat, type = k.command, select, tostring, table.concat, type
local io = {}

local function joined(separator, ...)
  local parts = { ... }
  for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
  return concat(parts, separator)
end

function io.write(...) return command("write", 1, joined("", ...)) end
function io.print(...) return command("write", 1, joined("\t", ...) .. "\n") end
function io.eprint(...) return command("write", 2, joined("\t", ...) .. "\n") end

local rest, ended = "", false
local function more()
  local bytes, why = command("read", 65536)
  if not bytes then return nil, why end
  if bytes == "" then ended = true else rest = rest .. bytes end
  return true
end

-- At most so many bytes of the input; nil at its end. Without a number all.
function io.read(n)
  if n ~= nil and (math.type(n) ~= "integer" or n < 1) then
    error("bad argument #1 to 'read' (a number of bytes expected)", 2)
  end
  while not ended and (n == nil or rest == "") do
    local ok, why = more()
    if not ok then return nil, why end
  end
  if rest == "" then return nil end
  local part = n and rest:sub(1, n) or rest
  rest = rest:sub(#part + 1)
  return part
end

-- The next line without its end; nil at the end of the input.
function io.readline()
  local from = 1
  while true do
    local at = rest:find("\n", from, true)
    if at then
      local line = rest:sub(1, at - 1)
      rest = rest:sub(at + 1)
      if line:sub(-1) == "\r" then line = line:sub(1, -2) end
      return line
    end
    if ended then
      if rest == "" then return nil end
      local line = rest
      rest = ""
      return line
    end
    from = #rest + 1
    local ok, why = more()
    if not ok then return nil, why end
  end
end

function io.args() return k.args() end

return io
