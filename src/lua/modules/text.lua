-- `text`: regular expressions, differences, and splitting into pieces.
local k = ...
local setmetatable, type, sub, error, next, format = setmetatable, type, sub, error, next, format
local concat, find, gsub = table.concat, string.find, string.gsub

local function invalid(why) return nil, k.error("INVALID", why, false) end
local function class(name)
  local methods = {}
  return methods, { __index = methods, __name = name, __metatable = k.opaque }
end

-- Regular expressions, with the syntax of RE2.
local regexp, regexp_meta = class("regexp")

local function ask(self, op, text, ...)
  if type(text) ~= "string" then error(k.bad(1, op, "string", text), 3) end
  local result, next_, last = k.regex(op, self.pattern, text, ...)
  k.pay(0)
  if result == nil and next_ then error(next_, 3) end
  return result, next_, last
end
-- All matches, or so many; some at a time, so that others have their turns meanwhile.
local function matches(self, text, most)
  most = math.tointeger(most)
  if not most or most < 0 then most = math.maxinteger end
  local all, at, last = {}, 0, nil
  while at and #all < most do
    local some
    some, at, last = ask(self, "some", text, at, last)
    for i = 1, #some do
      if #all < most then all[#all + 1] = some[i] end
    end
  end
  return all
end
-- The part of a text between two positions; the first pair is the whole match.
local function part(text, found, group)
  local from = found[2 * group + 1]
  if from < 0 then return "" end
  return sub(text, from, found[2 * group + 2])
end
local function parts(text, found)
  local all = {}
  for group = 0, #found // 2 - 1 do all[group + 1] = part(text, found, group) end
  return all
end
function regexp:match_string(text)
  local found = ask(self, "match", text)
  return found
end
function regexp:find_string(text)
  local found = ask(self, "find", text)
  return found and part(text, found, 0)
end
function regexp:find_string_submatch(text)
  local found = ask(self, "find", text)
  return found and parts(text, found)
end
function regexp:find_string_index(text)
  local found = ask(self, "find", text)
  return found and { found[1], found[2] }
end
local function each(make)
  return function(self, text, n)
    local all = {}
    for i, found in next, matches(self, text, n) do all[i] = make(text, found) end
    return all
  end
end
regexp.find_all_string = each(function(text, found) return part(text, found, 0) end)
regexp.find_all_string_submatch = each(parts)
function regexp:find_all_string_index(text, n)
  local all = matches(self, text, n)
  if #all == 0 then return nil end
  for i, found in next, all do all[i] = { found[1], found[2] } end
  return all
end
function regexp:replace_all_string(text, with)
  if type(with) ~= "string" then error(k.bad(2, "replace_all_string", "string", with), 2) end
  local parts, at, last = {}, 0, nil
  while at do parts[#parts + 1], at, last = ask(self, "replace", text, at, last, with) end
  return concat(parts)
end
function regexp:split(text, n)
  n = n or -1
  if n == 0 then return {} end
  local all, from = {}, 1
  for _, found in next, matches(self, text) do
    if n > 0 and #all == n - 1 then break end
    -- Nothing, at the end, separates nothing.
    if not (found[2] < found[1] and found[1] > #text) then
      if not (found[2] < found[1] and found[1] == from and from == 1) then
        all[#all + 1] = sub(text, from, found[1] - 1)
        from = found[2] + 1
      end
    end
  end
  all[#all + 1] = sub(text, from)
  return all
end
function regexp:num_subexp() return self.groups end
function regexp:subexp_names()
  local names = {}
  for i, name in next, self.names do names[i] = name end
  return names
end
function regexp:string() return self.pattern end
regexp_meta.__tostring = regexp.string

local function compile(pattern)
  if type(pattern) ~= "string" then return invalid("a pattern is a string") end
  local names, why = k.regex("names", pattern, "")
  k.pay(#pattern * 16)
  if why then return nil, k.error("INVALID", "regex error: " .. why, false) end
  return setmetatable({ pattern = pattern, names = names, groups = #names - 1 }, regexp_meta)
end

-- Differences.
local differ, differ_meta = class("differ")

local function compare(a, b)
  if type(a) ~= "string" or type(b) ~= "string" then return invalid("what is compared are strings") end
  local pieces, why = k.diff(a, b)
  k.pay(0)
  if why then return invalid(why) end
  local diffs = {}
  for i = 1, #pieces, 2 do diffs[#diffs + 1] = { operation = pieces[i], text = pieces[i + 1] } end
  return diffs
end
function differ:compare(a, b) return compare(a, b) end

local function checked(diffs)
  if type(diffs) ~= "table" then return "differences are a table, as `compare` gives it" end
  for i = 1, #diffs do
    local d = diffs[i]
    if type(d) ~= "table" or type(d.text) ~= "string" or type(d.operation) ~= "string" then
      return format("the difference %d has no operation and text", i)
    end
  end
end
function differ:summarize(diffs)
  local counts = { equal = 0, insert = 0, delete = 0 }
  if checked(diffs) then error(checked(diffs), 2) end
  for i = 1, #diffs do
    local d = diffs[i]
    counts[d.operation] = (counts[d.operation] or 0) + (utf8.len(d.text) or #d.text)
  end
  return { equals = counts.equal, insertions = counts.insert, deletions = counts.delete }
end
local function written(diffs, make)
  local why = checked(diffs)
  if why then return invalid(why) end
  local pieces = {}
  for i = 1, #diffs do pieces[i] = make(diffs[i].operation, diffs[i].text) end
  return concat(pieces)
end
function differ:pretty_text(diffs)
  return written(diffs, function(operation, text)
    if operation == "insert" then return "\27[32m" .. text .. "\27[0m" end
    if operation == "delete" then return "\27[31m" .. text .. "\27[0m" end
    return text
  end)
end
local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
function differ:pretty_html(diffs)
  return written(diffs, function(operation, text)
    text = gsub(text, '[&<>"]', ESCAPES)
    if operation == "insert" then return "<ins>" .. text .. "</ins>" end
    if operation == "delete" then return "<del>" .. text .. "</del>" end
    return text
  end)
end

-- Patches: what stands at a place, with something around it, and what takes its place.
local MARGIN = 8
function differ:patch_make(a, b)
  local diffs, err = compare(a, b)
  if err then return nil, err end
  local patches, at = {}, 1
  local i = 1
  while i <= #diffs do
    if diffs[i].operation == "equal" then
      at = at + #diffs[i].text
      i = i + 1
    else
      local start, old, new = at, "", ""
      while i <= #diffs and diffs[i].operation ~= "equal" do
        if diffs[i].operation == "delete" then
          old = old .. diffs[i].text
          at = at + #diffs[i].text
        else
          new = new .. diffs[i].text
        end
        i = i + 1
      end
      local from = start - MARGIN < 1 and 1 or start - MARGIN
      patches[#patches + 1] = {
        start = start, before = sub(a, from, start - 1), old = old, new = new, after = sub(a, at, at + MARGIN - 1),
      }
    end
  end
  return patches
end
-- Where a text has another one, as near to a place as possible.
local function nearest(text, part, at)
  local best
  local from = 1
  while true do
    local found = find(text, part, from, true)
    if not found then return best end
    if not best or math.abs(found - at) < math.abs(best - at) then best = found end
    if found > at then return best end
    from = found + 1
  end
end
function differ:patch_apply(patches, text)
  if type(patches) ~= "table" then return nil, false end
  if type(text) ~= "string" then error(k.bad(2, "patch_apply", "string", text), 2) end
  local shift, all = 0, true
  for i = 1, #patches do
    local p = patches[i]
    local at = p.start + shift
    local place = nearest(text, p.before .. p.old .. p.after, at - #p.before)
    local front = place and #p.before
    if not place and p.old ~= "" then place, front = nearest(text, p.old, at), 0 end
    if place then
      local start = place + front
      text = sub(text, 1, start - 1) .. p.new .. sub(text, start + #p.old)
      shift = shift + #p.new - #p.old
    else
      all = false
    end
  end
  return text, all
end

-- Splitting: at the first of the separators that the text has, and what is still too
-- large at the next.
local splitter, splitter_meta = class("splitter")
local MARKDOWN = { "\n# ", "\n## ", "\n### ", "\n#### ", "\n##### ", "\n###### ", "\n```", "\n\n", "\n", " ", "" }
local PLAIN = { "\n\n", "\n", " ", "" }

local function length(text) return utf8.len(text) or #text end
local function characters(text, size)
  local all, from, is_utf8 = {}, 1, utf8.len(text)
  while from <= #text do
    -- It reads no more than the piece.
    local to = is_utf8 and k.c.offset(text, size + 1, from) or from + size
    to = to or #text + 1
    all[#all + 1] = sub(text, from, to - 1)
    from = to
  end
  return all
end
local function cut(text, separator)
  local all, from = {}, 1
  while true do
    local at = find(text, separator, from + (from > 1 and 1 or 0), true)
    if not at then
      all[#all + 1] = sub(text, from)
      return all
    end
    if at > from then all[#all + 1] = sub(text, from, at - 1) end
    from = at
  end
end
local function split(how, text, level, to)
  if length(text) <= how.size then
    if find(text, "%S") then to[#to + 1] = (string.match(text, "^%s*(.-)%s*$")) end
    return
  end
  local separators = how.separators
  while separators[level] ~= "" and not find(text, separators[level], 1, true) do level = level + 1 end
  local pieces = separators[level] == "" and characters(text, how.size) or cut(text, separators[level])
  -- What has been given may stand in front of what has not.
  local held, size, fresh = {}, 0, false
  local function give()
    if not fresh then return end
    fresh = false
    local whole = string.match(concat(held), "^%s*(.-)%s*$")
    if whole ~= "" then to[#to + 1] = whole end
    -- What both have of the text.
    while #held > 0 and size > how.overlap do
      size = size - length(held[1])
      table.remove(held, 1)
    end
  end
  for i = 1, #pieces do
    local piece = pieces[i]
    local n = length(piece)
    if n > how.size then
      give()
      held, size = {}, 0
      split(how, piece, level + 1, to)
    else
      if size + n > how.size then
        give()
        while #held > 0 and size + n > how.size do
          size = size - length(held[1])
          table.remove(held, 1)
        end
      end
      held[#held + 1] = piece
      size, fresh = size + n, true
    end
  end
  give()
end
function splitter:split_text(text)
  if type(text) ~= "string" then return invalid("what is split is a string") end
  local to = {}
  split(self.how, text, 1, to)
  return to
end
function splitter:split_batch(pages)
  if type(pages) ~= "table" then return invalid("what is split is a list of pages") end
  local all = {}
  for i = 1, #pages do
    local page = pages[i]
    if type(page) ~= "table" or type(page.content) ~= "string" then
      return invalid(format("the page %d has no content", i))
    end
    local pieces = {}
    split(self.how, page.content, 1, pieces)
    for j = 1, #pieces do
      local metadata = {}
      for key, value in next, type(page.metadata) == "table" and page.metadata or {} do metadata[key] = value end
      all[#all + 1] = { content = pieces[j], metadata = metadata }
    end
  end
  return all
end
local function splits(default)
  return function(options)
    if options == nil then options = {} end
    if type(options) ~= "table" then return invalid("the options are a table") end
    local size, overlap = options.chunk_size or 4000, options.chunk_overlap or 200
    if not math.tointeger(size) or size < 1 then return invalid("chunk_size is an integer above 0") end
    if options.chunk_overlap == nil and overlap >= size then overlap = size // 10 end
    if not math.tointeger(overlap) or overlap < 0 or overlap >= size then
      return invalid("chunk_overlap is an integer from 0 to less than chunk_size")
    end
    local separators, own = {}, options.separators
    for i, separator in next, type(own) == "table" and own or default do separators[i] = separator end
    if separators[#separators] ~= "" then separators[#separators + 1] = "" end
    return setmetatable({ how = { size = size, overlap = overlap, separators = separators } }, splitter_meta)
  end
end

return {
  regexp = { compile = compile },
  diff = {
    new = function(options)
      if options ~= nil and type(options) ~= "table" then return invalid("the options are a table") end
      return setmetatable({}, differ_meta)
    end,
  },
  splitter = { recursive = splits(PLAIN), markdown = splits(MARKDOWN) },
}
