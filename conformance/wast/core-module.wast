;; A core module runs as the component that the adapter makes of it, and a trap in one
;; call leaves nothing of that call to the next.
(module
  (memory 1 2)
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "pair") (result i32 i32) (i32.const 1) (i32.const 2))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "fill") (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2))))

(assert_return (invoke "load" (i32.const 8)) (i32.const 0))
(invoke "store" (i32.const 8) (i32.const 7))
(assert_trap (invoke "fill" (i32.const 0) (i32.const 1) (i32.const 65537))
  "out of bounds memory access")
(assert_return (invoke "load" (i32.const 8)) (i32.const 7))
(assert_return (invoke "grow" (i32.const 1)) (i32.const 1))
(assert_return (invoke "fill" (i32.const 65534) (i32.const 1) (i32.const 4)))
(assert_return (invoke "load" (i32.const 65534)) (i32.const 0x01010101))
