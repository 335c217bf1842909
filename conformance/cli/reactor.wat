(; A reactor: it is set up once, and its functions are called. They see the arguments that
   it has been given as well: `count` adds their number, the program's name among them, to
   its own argument; `variables` gives the number of its variables. ;)
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_initialize"))
  (func (export "count") (param $more i32) (result i32)
    (drop (call $args (i32.const 0) (i32.const 4)))
    (i32.add (i32.load (i32.const 0)) (local.get $more)))
  (func (export "variables") (result i32)
    (drop (call $env (i32.const 0) (i32.const 4)))
    (i32.load (i32.const 0))))
