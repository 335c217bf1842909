;; A quotient, or a text that says why there is none.
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "division by zero")
  (func (export "divide") (param $a i32) (param $b i32) (result i32)
    (if (i32.eqz (local.get $b))
      (then
        (i32.store8 (i32.const 0) (i32.const 1))
        (i32.store (i32.const 4) (i32.const 64))
        (i32.store (i32.const 8) (i32.const 16)))
      (else
        (i32.store8 (i32.const 0) (i32.const 0))
        (i32.store (i32.const 4) (i32.div_s (local.get $a) (local.get $b)))))
    (i32.const 0)))
