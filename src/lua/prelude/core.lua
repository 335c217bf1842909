-- What every process begins with. `k`, the kernel, has the primitives that are
-- written in Rust; the modules find there what they share. Afterwards the globals
-- have nothing that reaches outside, and nothing that runs for long without a
-- chance to be interrupted.
local k = ...
local error, select, type, pcall0, xpcall0 = error, select, type, pcall, xpcall
local rawget, rawlen, setmetatable0, load0 = rawget, rawlen, setmetatable, load
local yield0, create0, status0 = coroutine.yield, coroutine.create, coroutine.status
local running0, close0 = coroutine.running, coroutine.close
local isyieldable = coroutine.isyieldable
local charge, caught, failed = k.charge, k.caught, k.failed

-- What a coroutine says to the scheduler when it stops.
local WAITS, GIVES, RESUMES, RESTS = 0, 1, 2, 3

-- The answer of a command, waited for if it is not there at once.
local function await(done, ...)
  if done then return ... end
  return yield0(WAITS)
end
local command0 = k.command
local CANNOT = "this function may have to wait, and cannot inside a C function or a metamethod that one calls"
function k.command(...)
  if not isyieldable() then error(CANNOT, 3) end
  return await(command0(...))
end

-- Waits until somebody calls `wake`. A reason means that nobody ever will.
function k.park()
  local why = yield0(WAITS)
  if why then error(why, 3) end
end

-- Pays for work that grows with its data.
local function pay(units)
  if charge(units) and isyieldable() then yield0(RESTS) end
end
k.pay = pay
function k.rest()
  if isyieldable() then yield0(RESTS) end
end

-- What `process.null` and `json.null` are.
k.null_meta.__name, k.null_meta.__metatable = "null", false
function k.null_meta.__tostring() return "null" end

function k.bad(position, name, expected, got)
  return ("bad argument #%d to '%s' (%s expected, got %s)"):format(position, name, expected, type(got))
end
local bad = k.bad

-- Errors. The scheduler's own end of a process cannot be caught.
local function pass(ok, ...)
  if ok then return true, ... end
  return false, caught((...))
end
function pcall(...)
  if select("#", ...) == 0 then error("bad argument #1 to 'pcall' (value expected)", 2) end
  return pass(pcall0(...))
end
function xpcall(f, handler, ...)
  if type(handler) ~= "function" then error(bad(2, "xpcall", "function", handler), 2) end
  return pass(xpcall0(f, function(e) return handler(caught(e)) end, ...))
end

-- Coroutines. Each is resumed by the scheduler and by nobody else, so one that is
-- interrupted, or waits, needs nothing of those that have resumed it.
local active = setmetatable0({}, { __mode = "k" })

local function wrapped(f)
  return create0(function(...) return xpcall0(f, failed, ...) end)
end

local function settle(co, ...)
  active[co] = nil
  return ...
end

local function resume(co, ...)
  if status0(co) == "dead" then return false, "cannot resume dead coroutine" end
  if active[co] then return false, "cannot resume non-suspended coroutine" end
  if not isyieldable() then return false, CANNOT end
  active[co] = true
  return settle(co, yield0(RESUMES, co, ...))
end

local function unwrap(co, ok, ...)
  if ok then return ... end
  if status0(co) == "suspended" and not active[co] then close0(co) end
  error((...), 0)
end

local co = coroutine
function co.create(f)
  if type(f) ~= "function" then error(bad(1, "create", "function", f), 2) end
  return wrapped(f)
end
function co.resume(c, ...)
  if type(c) ~= "thread" then error(bad(1, "resume", "coroutine", c), 2) end
  return resume(c, ...)
end
function co.wrap(f)
  if type(f) ~= "function" then error(bad(1, "wrap", "function", f), 2) end
  local c = wrapped(f)
  return function(...) return unwrap(c, resume(c, ...)) end
end
function co.yield(...) return yield0(GIVES, ...) end
function co.status(c)
  if type(c) ~= "thread" then error(bad(1, "status", "coroutine", c), 2) end
  if c == running0() then return "running" end
  if status0(c) == "dead" then return "dead" end
  return active[c] and "normal" or "suspended"
end
function co.running()
  local c = running0()
  return c, c == k.main
end
function co.close(c)
  if type(c) ~= "thread" then error(bad(1, "close", "coroutine", c), 2) end
  if active[c] then error("cannot close a " .. co.status(c) .. " coroutine", 2) end
  return pass(close0(c))
end
-- Starts a coroutine that lives on its own, until it returns.
function co.spawn(f, ...)
  if type(f) ~= "function" then error(bad(1, "spawn", "function", f), 2) end
  local c = wrapped(f)
  active[c] = true
  k.spawn(c, ...)
  return c
end

-- The function of an entry, as the first coroutine of its process. Its source
-- returns a table of functions, or one function, or sets a global.
function k.start(chunk, method, ...)
  local c = wrapped(function(...)
    local exports = chunk()
    local f
    if type(exports) == "table" then f = exports[method] end
    if type(exports) == "function" then f = exports end
    if f == nil then f = rawget(_G, method) end
    if type(f) ~= "function" then error(k.error("NOT_FOUND", k.no_method(method, exports, f), false), 0) end
    return f(...)
  end)
  active[c], k.main = true, c
  k.spawn(c, ...)
end

-- Text only, and not too much of it: the compiler cannot be interrupted.
local MAX_CHUNK = 262144
function load(chunk, name, mode, ...)
  if type(chunk) == "function" then
    local pieces, size = {}, 0
    while true do
      local piece = chunk()
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

-- A finalizer would run where nothing can interrupt it.
k.setmetatable = setmetatable0
function setmetatable(t, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
    error("a metatable with __gc is not allowed here", 2)
  end
  if t == _G and k.lazy then k.lazy() end
  return setmetatable0(t, meta)
end

local collect0 = collectgarbage
function collectgarbage(what)
  if what == "count" then return collect0("count") end
  error("collectgarbage knows only \"count\" here", 2)
end

-- Random numbers come from outside, once, when they are first wanted.
local math, random0, seed0 = math, math.random, math.randomseed
local seeded = false
function math.randomseed(...)
  if select("#", ...) == 0 then seeded = false return end
  seeded = true
  return seed0(...)
end
function math.random(...)
  if not seeded then
    local bytes, why = k.command("random", 16)
    if not bytes then error(tostring(why), 2) end
    seed0(string.unpack("<i8i8", bytes))
    seeded = true
  end
  return random0(...)
end

dofile, loadfile, warn, print = nil, nil, nil, nil
function print(...) return k.module("io").print(...) end
