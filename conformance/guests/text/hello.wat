;; A component as text: `hello: func() -> string`, with nothing but a memory
;; that holds the string and, before it, its address and length.
(component
  (core module $words
    (memory (export "memory") 1)
    (data (i32.const 8) "\10\00\00\00\0d\00\00\00")
    (data (i32.const 16) "Hello, world!")
    (func (export "hello") (result i32)
      i32.const 8))
  (core instance $words (instantiate $words))
  (alias core export $words "memory" (core memory $memory))
  (alias core export $words "hello" (core func $hello))
  (func (export "hello") (result string)
    (canon lift (core func $hello) (memory $memory))))
