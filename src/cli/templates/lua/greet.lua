-- The program: its methods are the functions of the table that it returns.

local function greet(name)
    return "Hello, " .. (name or "world") .. "!"
end

return { greet = greet }
