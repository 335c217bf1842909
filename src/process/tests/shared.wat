;; Lists whose elements all lie at the same place: small here, huge outside.
(component
  (type $wide (tuple u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8))
  (core module $m
    (memory (export "memory") 4)
    ;; 4096 times the address 4096, and 4096 elements there.
    (func (export "lists") (result i32) (local $at i32)
      (local.set $at (i32.const 131072))
      (loop $next
        (i32.store (local.get $at) (i32.const 4096))
        (i32.store offset=4 (local.get $at) (i32.const 4096))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 163840))))
      (i32.store (i32.const 0) (i32.const 131072))
      (i32.store offset=4 (i32.const 0) (i32.const 4096))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (core func $lists (alias core export $i "lists"))
  (func (export "tuples") (result (list (list $wide)))
    (canon lift (core func $lists) (memory (core memory $i "memory"))))
  (func (export "options") (result (list (list (option bool))))
    (canon lift (core func $lists) (memory (core memory $i "memory"))))
  (func (export "maps") (result (list (list (tuple (tuple bool)))))
    (canon lift (core func $lists) (memory (core memory $i "memory"))))
  (func (export "numbers") (result (list (list u64)))
    (canon lift (core func $lists) (memory (core memory $i "memory"))))
  (func (export "strings") (result (list string))
    (canon lift (core func $lists) (memory (core memory $i "memory")))))
