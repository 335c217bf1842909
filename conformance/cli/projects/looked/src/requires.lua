-- What is named here in a comment, require("io"), is not required.
local json = require("json")
local util = require "util"
local time = require("time")
local what = require('jsn')

local function run(name)
    -- Who asks for something that has no name yet is not told anything.
    local maybe = pcall(require, name)
    return json.encode({ util.twice(2), time, what, maybe })
end

return { run = run }
