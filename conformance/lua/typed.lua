-- Annotations are read and taken out; lines stay where they are.
type Shape = { kind: "circle", radius: number } | { kind: "square", side: number }
type User = {
  name: string,
  age: number?,
  tags: {string},
}

local function area(shape: Shape): number
  if shape.kind == "circle" then return 3 * shape.radius ^ 2 end
  return shape.side ^ 2
end

local function first<T>(list: {T}): T?
  return list[1]
end

return { main = function(): boolean
  local count: number, name: string? = 2, nil
  print(area({ kind = "square", side = count }), first({ "x" }), name)
  print((User:is({ name = "ada", tags = { "a" } })).name)
  print(User:is({ name = 5, tags = {} }))
  print(User:is({ name = "ada", tags = { 1 } }))
  print(Shape:is({ kind = "line" }))
  print(type(count), count :: number)
  print(pcall(function() error("line " .. 27) end))
  print(integer("42"), number("x"), boolean(0), string(7))
  return true
end }
