-- What a program does with coroutines. Each is resumed by the scheduler and by
-- nobody else, so one that is interrupted, or waits, needs nothing of those that
-- have resumed it.
local k = ...
local error, type, co = error, type, coroutine
local active, wrapped, bad, pass = k.active, k.wrapped, k.bad, k.pass
local yield0, status0, running0, close0 = k.c.yield, k.c.status, k.c.running, k.c.close
local isyieldable, spawn = co.isyieldable, k.spawn
local GIVES, RESUMES = 1, 2

local function settle(co, ...)
  active[co] = nil
  return ...
end

local function resume(co, ...)
  if status0(co) == "dead" then return false, "cannot resume dead coroutine" end
  if active[co] then return false, "cannot resume non-suspended coroutine" end
  if not isyieldable() then return false, k.CANNOT end
  active[co] = true
  return settle(co, yield0(RESUMES, co, ...))
end

local function unwrap(co, ok, ...)
  if ok then return ... end
  if status0(co) == "suspended" and not active[co] then close0(co) end
  error((...), 0)
end

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
  spawn(c, ...)
  return c
end
