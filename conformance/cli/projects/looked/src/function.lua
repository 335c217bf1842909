local time = require("time")

local function call(text)
    return time.now():format_rfc3339() .. text
end

return { call = call }
