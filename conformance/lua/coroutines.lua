local M = {}
function M.main()
  local co = coroutine.create(function(a, b)
    print("started", a, b)
    local c = coroutine.yield(a + b)
    print("got", c)
    local d, e = coroutine.yield(c * 2)
    return d .. e
  end)
  print(coroutine.status(co), coroutine.resume(co, 1, 2))
  print(coroutine.status(co), coroutine.resume(co, 10))
  print(coroutine.resume(co, "x", "y"))
  print(coroutine.status(co), coroutine.resume(co))
  local bad = coroutine.create(function() error({ code = 5 }) end)
  local ok, e = coroutine.resume(bad)
  print(ok, e.code, coroutine.status(bad))
  print(pcall(coroutine.wrap(function() error("in wrap") end)))
  local outer
  outer = coroutine.create(function()
    print(coroutine.status(outer), coroutine.resume(outer))
    coroutine.wrap(function() print(coroutine.status(outer)) end)()
  end)
  coroutine.resume(outer)
  print(coroutine.isyieldable(), select(2, coroutine.running()))
  local closed = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function() M.closed = true end })
    coroutine.yield()
  end)
  coroutine.resume(closed)
  print(coroutine.close(closed), coroutine.status(closed), M.closed)
  local function tree(n) if n > 0 then tree(n - 1) coroutine.yield(n) tree(n - 1) end end
  local seen = {}
  for n in coroutine.wrap(function() tree(3) end) do seen[#seen + 1] = n end
  print(table.concat(seen, " "))
  print(pcall(coroutine.resume, 1))
  local function nest(n) return n == 0 and "bottom" or coroutine.wrap(nest)(n - 1) end
  print(nest(100), pcall(nest, 300))
  local moved = {}
  local thread = coroutine.spawn(function() moved[1] = coroutine.running() end)
  coroutine.yield()
  print(type(thread), moved[1] == thread, coroutine.status(thread), coroutine.resume(thread))
  return true
end
return M
