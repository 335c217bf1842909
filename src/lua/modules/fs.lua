-- `fs`: files in the directories of `fs.directory` entries.
--
-- A volume knows its working directory, which only it has; paths are cleaned here, and
-- cannot leave the directory in any case. What is opened and not closed stays open until
-- the process ends, so that there is a limit.
local k = ...
local command, type, setmetatable, format, sub = k.command, type, setmetatable, format, sub
local error, tostring, tointeger = error, tostring, math.tointeger
local gmatch, find, concat, insert, sort = string.gmatch, string.find, table.concat, table.insert, table.sort

local CHUNK, MAX_OPEN = 65536, 512
local FILE, DIR = "file", "directory"
local MODES = {
  r = "r", w = "wct", a = "wca", wx = "wcx",
  ["r+"] = "rw", ["w+"] = "rwct", ["a+"] = "rwca",
}

local open_files = 0

local function invalid(why) return k.error("INVALID", why, false) end

local function release(id)
  open_files = open_files - 1
  return command("fs_close", id)
end

local function described(name, stat)
  local is_dir = stat.kind == DIR
  return {
    name = name, size = stat.size, modified = stat.modified, is_dir = is_dir,
    type = is_dir and DIR or FILE,
    -- The world tells nothing about permissions: what new ones usually have.
    mode = is_dir and 493 or 420,
  }
end

-- Files.
local file = {}
local file_meta = { __index = file, __name = "file", __metatable = k.opaque }

local function closed(it)
  if it.id then return nil end
  return invalid("the file is closed")
end

function file:read(size)
  local why = closed(self)
  if why then return nil, why end
  size = size == nil and 4096 or tointeger(size)
  if not size or size <= 0 then return nil, invalid("a size is a whole number above 0") end
  local bytes, failed = command("fs_read", self.id, self.at, size)
  if failed then return nil, failed end
  if bytes == "" then return nil, k.error("UNKNOWN", "EOF", false) end
  self.at = self.at + #bytes
  return bytes
end

-- All of it, in as many commands as it takes.
local function write(it, data)
  local done = 0
  while done < #data do
    local piece = sub(data, done + 1, done + CHUNK)
    local count, failed = command("fs_write", it.id, it.append and -1 or it.at, piece)
    if failed then return false, failed end
    it.at, done = it.at + count, done + count
  end
  return true
end

function file:write(data)
  local why = closed(self)
  if why then return false, why end
  if type(data) ~= "string" then data = tostring(data) end
  return write(self, data)
end

function file:seek(whence, offset)
  local why = closed(self)
  if why then return nil, why end
  offset = offset == nil and 0 or tointeger(offset)
  if not offset then return nil, invalid("an offset is a whole number") end
  local from
  if whence == "set" then
    from = 0
  elseif whence == "cur" or whence == nil then
    from = self.at
  elseif whence == "end" then
    local stat, failed = command("fs_stat", self.id)
    if failed then return nil, failed end
    from = stat.size
  else
    return nil, invalid(format("'%s' is none of set, cur and end", tostring(whence)))
  end
  if from + offset < 0 then return nil, invalid("that is before the beginning of the file") end
  self.at = from + offset
  return self.at
end

function file:stat()
  local why = closed(self)
  if why then return nil, why end
  local stat, failed = command("fs_stat", self.id)
  if failed then return nil, failed end
  return described(self.name, stat)
end

function file:sync()
  local why = closed(self)
  if why then return false, why end
  local _, failed = command("fs_sync", self.id)
  if failed then return false, failed end
  return true
end

function file:close()
  local id = self.id
  if not id then return true end
  self.id = nil
  local _, failed = release(id)
  if failed then return false, failed end
  return true
end

-- Scanners: what a file has, piece by piece.
local PIECES = { lines = "^([^\n]*)\n()", words = "^%s*(%S+)%s()", bytes = "^(.)()", runes = "^([%z\1-\127\192-\255][\128-\191]*)()" }
local LAST = { lines = "^(.+)$", words = "^%s*(%S+)%s*$", bytes = "^(.)$", runes = "^([%z\1-\127\192-\255][\128-\191]*)$" }
local MAX_PIECE = 1 << 20

local scanner = {}
local scanner_meta = { __index = scanner, __name = "scanner", __metatable = k.opaque }

function file:scanner(split)
  split = split or "lines"
  if not PIECES[split] then return nil, invalid("pieces are lines, words, bytes or runes") end
  return setmetatable({ file = self, split = split, rest = "", from = 1, piece = "" }, scanner_meta)
end

function scanner:scan()
  while true do
    local start, _, piece, after = find(self.rest, PIECES[self.split], self.from)
    local whole = start and (self.split ~= "runes" or self.ended or #self.rest - self.from >= 4)
    if whole then
      if self.split == "lines" and sub(piece, -1) == "\r" then piece = sub(piece, 1, -2) end
      self.piece, self.from = piece, after
      return true
    end
    if self.ended then
      local _, _, last = find(self.rest, LAST[self.split], self.from)
      self.rest, self.from, self.piece = "", 1, last or ""
      return last ~= nil
    end
    self.rest, self.from = sub(self.rest, self.from), 1
    if #self.rest > MAX_PIECE then
      self.failed = invalid(format("a piece has more than %d bytes", MAX_PIECE))
      return false
    end
    local why = closed(self.file)
    if why then self.failed = why return false end
    local bytes, failed = command("fs_read", self.file.id, self.file.at, CHUNK)
    if failed then self.failed = failed return false end
    self.file.at = self.file.at + #bytes
    if bytes == "" then self.ended = true else self.rest = self.rest .. bytes end
  end
end
function scanner:text() return self.piece end
function scanner:err() return self.failed end

-- Volumes.
local volume = {}
local volume_meta = { __index = volume, __name = "volume", __metatable = k.opaque }

-- The path within the directory, `.` for itself; and as the program sees it.
local function clean(vol, path)
  if type(path) ~= "string" or path == "" then return nil, invalid("a path is a string that is not empty") end
  if sub(path, 1, 1) ~= "/" then path = vol.cwd .. "/" .. path end
  local parts = {}
  for part in gmatch(path, "[^/]+") do
    if part == ".." then
      parts[#parts] = nil
    elseif part ~= "." then
      insert(parts, part)
    end
  end
  if #parts == 0 then return ".", "/" end
  local inside = concat(parts, "/")
  return inside, "/" .. inside, parts[#parts]
end

local function opened(vol, path, flags)
  local inside, shown, name = clean(vol, path)
  if not inside then return nil, shown end
  if open_files >= MAX_OPEN then
    return nil, k.error("UNAVAILABLE", format("%d files are open: close some", open_files), false)
  end
  local id, failed = command("fs_open", vol.dir, inside, flags)
  if failed then return nil, failed end
  open_files = open_files + 1
  return setmetatable({ id = id, at = 0, append = find(flags, "a", 1, true) ~= nil, name = name or "/" }, file_meta)
end

function volume:open(path, mode)
  local flags = MODES[mode == nil and "r" or mode]
  if not flags then return nil, invalid(format("'%s' is no mode; modes are r, w, a, wx, r+, w+ and a+", tostring(mode))) end
  return opened(self, path, flags)
end

function volume:readfile(path)
  local it, failed = opened(self, path, "r")
  if not it then return nil, failed end
  local pieces, bytes = {}, nil
  repeat
    bytes, failed = command("fs_read", it.id, it.at, CHUNK)
    if failed then
      it:close()
      return nil, failed
    end
    it.at = it.at + #bytes
    pieces[#pieces + 1] = bytes
  until bytes == ""
  it:close()
  return concat(pieces)
end

function volume:writefile(path, data, mode)
  mode = mode or "w"
  if mode ~= "w" and mode ~= "a" and mode ~= "wx" then
    return false, invalid(format("'%s' is no mode to write a file; modes are w, a and wx", tostring(mode)))
  end
  if type(data) ~= "string" then return false, invalid("what is written is a string") end
  local it, failed = opened(self, path, MODES[mode])
  if not it then return false, failed end
  local done, why = write(it, data)
  local closing, late = it:close()
  if not done then return false, why end
  if not closing then return false, late end
  return true
end
volume.read_file, volume.write_file = volume.readfile, volume.writefile

local function stat_of(vol, path)
  local inside, shown, name = clean(vol, path)
  if not inside then return nil, shown end
  local stat, failed = command("fs_stat_at", vol.dir, inside)
  if failed then return nil, failed end
  return stat, nil, name or "/"
end

function volume:stat(path)
  local stat, failed, name = stat_of(self, path)
  if not stat then return nil, failed end
  return described(name, stat)
end
function volume:exists(path)
  local stat, failed = stat_of(self, path)
  if stat then return true end
  if failed:kind() == "NotFound" then return false end
  return false, failed
end
function volume:isdir(path)
  local stat, failed = stat_of(self, path)
  if not stat then return false, failed end
  return stat.kind == DIR
end

local function done(_, failed)
  if failed then return false, failed end
  return true
end

function volume:mkdir(path)
  local inside, shown = clean(self, path)
  if not inside then return false, shown end
  return done(command("fs_mkdir", self.dir, inside))
end
function volume:remove(path)
  local stat, failed = stat_of(self, path)
  if not stat then return false, failed end
  return done(command(stat.kind == DIR and "fs_rmdir" or "fs_unlink", self.dir, (clean(self, path))))
end

function volume:readdir(path)
  local it, failed = opened(self, path, "rd")
  if not it then return nil, failed end
  local list, why = command("fs_list", it.id)
  local all, more = {}, nil
  if list then
    repeat
      more, why = command("fs_more", list)
      for i = 1, more and #more or 0 do all[#all + 1] = more[i] end
    until not more or #more == 0
    command("fs_close", list)
  end
  it:close()
  if why then return nil, why end
  sort(all, function(a, b) return a.name < b.name end)
  local at = 0
  return function()
    at = at + 1
    local entry = all[at]
    return entry and { name = entry.name, type = entry.kind == DIR and DIR or FILE }
  end
end

function volume:chdir(path)
  local inside, shown = clean(self, path)
  if not inside then return false, shown end
  local stat, failed = stat_of(self, path)
  if not stat then return false, failed end
  if stat.kind ~= DIR then return false, invalid(format("%s is no directory", shown)) end
  self.cwd = shown
  return true
end
function volume:pwd() return self.cwd end

local directories = {}
return {
  type = { FILE = FILE, DIR = DIR },
  seek = { SET = "set", CUR = "cur", END = "end" },
  get = function(name)
    if type(name) ~= "string" or name == "" then return nil, invalid("a volume is named by the id of its entry") end
    local dir = directories[name]
    if not dir then
      local failed
      dir, failed = command("directory", name)
      if failed then return nil, failed end
      directories[name] = dir
    end
    return setmetatable({ dir = dir, cwd = "/" }, volume_meta)
  end,
}
