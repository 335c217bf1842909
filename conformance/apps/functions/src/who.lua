-- Says which entry it is of, what it was given, and what was handed on to it.
local ctx = require("ctx")

type Answer = {id: string, given: any, request: string?}

local function main(given: any): Answer
  return {
    id = process.id(),
    given = given,
    request = ctx.get("request_id"),
  }
end

return { main = main }
