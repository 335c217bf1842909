return { main = function()
  error(errors.new{ kind = errors.CONFLICT, message = "both at once", retryable = true })
end }
