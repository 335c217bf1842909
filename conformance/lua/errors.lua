local M = {}
local function show(e)
  return ("%s|%s|%s|%s"):format(e:kind(), e:message(), tostring(e:retryable()), tostring(e:details()))
end
function M.main()
  print(show(errors.new("plain")))
  print(show(errors.new{ message = "m", kind = errors.NOT_FOUND, details = 5 }))
  print(show(errors.new{ message = "busy", kind = "UNAVAILABLE" }))
  print(show(errors.new{ message = "busy", kind = errors.TIMEOUT, retryable = false }))
  local e = errors.new{ message = "gone", kind = errors.NOT_FOUND }
  print(errors.is(e, errors.NOT_FOUND), errors.is(e, errors.INVALID), errors.is("gone", errors.NOT_FOUND))
  print(tostring(e), "it is " .. e)
  print(pcall(errors.new, { kind = "STRANGE" }))
  -- Thrown and caught, it is the same.
  local ok, caught = pcall(error, e)
  print(ok, caught == e)
  -- From another process, it keeps what it is.
  local value, err = process.exec("app:worker", nil, "x")
  print(value, err:kind(), err:message(), err:retryable(), err:details().argument)
  print(select(2, process.exec("app:nothing", nil)):kind())
  -- The last word of this process.
  return nil, errors.new{ message = "no more", kind = errors.RATE_LIMITED, details = { wait = 3 } }
end
return M
