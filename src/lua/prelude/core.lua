-- What every process begins with. `k`, the kernel, has the primitives that are
-- written in Rust; the parts of the prelude find there what they share. Afterwards
-- the globals have nothing that reaches outside, and nothing that runs for long
-- without a chance to be interrupted.
--
-- Most processes wait, so what not all of them need is made when it is first
-- wanted: modules, functions of the library, primitives.
local k = ...
local error, select, type, pcall0, xpcall0 = error, select, type, pcall, xpcall
local rawget, rawset, setmetatable0, next0 = rawget, rawset, setmetatable, next
local string, table, coroutine, math, utf8 = string, table, coroutine, math, utf8
local yield0, create0, isyieldable = coroutine.yield, coroutine.create, coroutine.isyieldable
local format, find = string.format, string.find
local charge, caught, failed, prelude, part_of = k.charge, k.caught, k.failed, k.prelude, k.part_of

-- The originals, whatever the program makes of its globals: the environment of the
-- parts.
local c = {
  error = error, type = type, select = select, tostring = tostring, tonumber = tonumber, next = next0, rawget = rawget,
  rawequal = rawequal, setmetatable = setmetatable0, getmetatable = getmetatable,
  string = string, table = table, coroutine = coroutine, math = math, utf8 = utf8,
  rep = string.rep, upper = string.upper, lower = string.lower, reverse = string.reverse,
  sub = string.sub, unpack = string.unpack, format = format,
  len = utf8.len, codepoint = utf8.codepoint, offset = utf8.offset, concat = table.concat,
  random = math.random, randomseed = math.randomseed, load = load,
  yield = yield0, status = coroutine.status, running = coroutine.running, close = coroutine.close,
}
k.c, k.G = c, _G
-- What `getmetatable` gives of objects that programs are not to look into.
k.opaque = "userdata"
-- The names under which a context has who acts, and what that may do.
k.ACTOR, k.SCOPE = "@actor", "@scope"

-- What a coroutine says to the scheduler when it stops.
local WAITS, RESTS = 0, 3

local loaded = {}
local function module(name)
  local it = loaded[name]
  if it == nil then
    it = prelude(name, c)(k, name)
    if it == nil then it = true end
    loaded[name] = it
  end
  return it
end
k.module = module

-- The answer of a command, waited for if it is not there at once.
local function await(done, ...)
  if done then return ... end
  return yield0(WAITS)
end
local ask = k.ask
k.CANNOT = "this function may have to wait, and cannot inside a C function or a metamethod that one calls"
function k.command(...)
  if not isyieldable() then error(k.CANNOT, 3) end
  return await(ask(...))
end

-- Waits until somebody calls `wake`. A reason means that nobody ever will.
function k.park()
  local why = yield0(WAITS)
  if why then error(why, 3) end
end

-- Pays for work that grows with its data.
function k.pay(units)
  if charge(units) and isyieldable() then yield0(RESTS) end
end
function k.rest()
  if isyieldable() then yield0(RESTS) end
end

function k.bad(position, name, expected, got)
  return format("bad argument #%d to '%s' (%s expected, got %s)", position, name, expected, type(got))
end

-- Errors. The scheduler's own end of a process cannot be caught.
local function pass(ok, ...)
  if ok then return true, ... end
  return false, caught((...))
end
k.pass = pass
function pcall(...)
  if select("#", ...) == 0 then error("bad argument #1 to 'pcall' (value expected)", 2) end
  return pass(pcall0(...))
end
function xpcall(f, handler, ...)
  if type(handler) ~= "function" then error(k.bad(2, "xpcall", "function", handler), 2) end
  return pass(xpcall0(f, function(e) return handler(caught(e)) end, ...))
end
k.pcall = pcall
function k.error(...)
  module("errors")
  return k.error(...)
end

-- The type of such an object is told as that of one of the host's.
local getmetatable0 = getmetatable
k.G.type = function(...)
  local kind = c.type(...)
  if kind == "table" and getmetatable0((...)) == "userdata" then return "userdata" end
  return kind
end

-- Coroutines, and those of them that another has resumed or that live on their own.
local active = setmetatable0({}, { __mode = "k" })
local function wrapped(f)
  return create0(function(...) return xpcall0(f, failed, ...) end)
end
k.active, k.wrapped = active, wrapped

-- What a program has said of the answer to a request is its result.
local function answered(value, err, ...)
  local answer = k.answer and err == nil and k.answer()
  if answer then return answer end
  return value, err, ...
end

-- The function of an entry, as the first coroutine of its process. Its source
-- returns a table of functions, or one function, or sets a global.
function k.start(chunk, method, ...)
  local co = wrapped(function(...)
    local exports = chunk()
    local f
    if type(exports) == "table" then f = exports[method] end
    if type(exports) == "function" then f = exports end
    if f == nil then f = rawget(k.G, method) end
    if type(f) ~= "function" then error(k.error("NOT_FOUND", k.no_method(method, exports, f), false), 0) end
    return answered(f(...))
  end)
  active[co], k.main = true, co
  k.spawn(co, ...)
end

-- A finalizer would run where nothing can interrupt it. To collect tables with weak
-- keys takes, in one instruction, a time that grows with the square of what is in
-- them: they keep their keys.
function setmetatable(t, meta)
  if type(meta) == "table" then
    if rawget(meta, "__gc") ~= nil then error("a metatable with __gc is not allowed here", 2) end
    local mode = rawget(meta, "__mode")
    if mode ~= nil and type(mode) == "string" and find(mode, "k", 1, true) and not find(mode, "v", 1, true) then
      rawset(meta, "__mode", nil)
    end
  end
  if t == k.G and k.lazy then k.lazy() end
  local result = c.setmetatable(t, meta)
  return result
end

local collect0 = collectgarbage
function collectgarbage(what)
  if what == "count" then return collect0("count") end
  error("collectgarbage knows only \"count\" here", 2)
end

dofile, loadfile, warn = nil, nil, nil
function print(...) return module("io").print(...) end
function require(name) return module("require")(name) end
function load(...)
  module("load")
  return k.load(...)
end

-- Functions of the library that are replaced: a look at one makes all of its part,
-- and who goes through a library sees all of them.
local made = {}
local function make(part)
  if not part or made[part] then return end
  made[part] = true
  local ok, why = pcall0(module, part)
  if not ok then
    made[part] = nil
    error(why, 0)
  end
end
local late = {
  __metatable = false,
  __index = function(library, name)
    make(part_of(name))
    return rawget(library, name)
  end,
  __newindex = function(library, name, value)
    make(part_of(name))
    rawset(library, name, value)
  end,
  __pairs = function(library)
    for _, part in next0, { "strings", "pattern", "table", "coroutine", "random" } do make(part) end
    return next0, library, nil
  end,
}
for _, library in next0, { string, table, coroutine, math, utf8 } do
  for name in next0, library do
    local original = library == string and name == "len" or library == table and name == "unpack"
    if part_of(name) and not original then library[name] = nil end
  end
  setmetatable0(library, late)
end
string.dump = nil

rawset(table, "create", function() return {} end)

-- The name of a type, called with a value: the value as one of that type, or nil.
late.__call = function(library, value)
  if library ~= string then error("attempt to call a table value", 2) end
  if value == nil then return nil end
  local text = c.tostring(value)
  return text
end

-- Some modules are there without `require`, and what else makes values of a type, from
-- their first use.
local CASTS = { integer = true, number = true, boolean = true }
local GLOBAL = { process = true, channel = true, errors = true, payload = true, os = true, io = true }
setmetatable0(_G, {
  __index = function(globals, name)
    if CASTS[name] then return module("casts")[name] end
    if not GLOBAL[name] then return nil end
    if rawget(globals, name) == nil then globals[name] = module(name) end
    return globals[name]
  end,
})
function k.lazy()
  k.lazy = nil
  for name in next0, GLOBAL do
    if rawget(k.G, name) == nil then k.G[name] = module(name) end
  end
  for name in next0, CASTS do
    if rawget(k.G, name) == nil then k.G[name] = module("casts")[name] end
  end
  setmetatable0(k.G, nil)
end

-- What `process.null` and `json.null` are.
local null = k.null_meta
null.__name, null.__metatable = "null", false
function null.__tostring() return "null" end
