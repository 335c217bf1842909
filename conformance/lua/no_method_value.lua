return { main = "not a function" }
