;; `run` is a task of its own, `f` another one, and the destructor that `f` sets off a third:
;; it waits for a number of the host and then drops the borrow that `f` was given, unless
;; the number is 0, at which it traps. `keep` does not drop it.
(component
  (import "demo:host/numbers" (instance $numbers
    (export "next" (func (result u32)))
    (export "twice" (func (param "n" u32) (result u32)))))

  (component $provider
    (type $r' (resource (rep i32)))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 7))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (result (own $r)) (canon lift (core func $i "make"))))

  (component $consumer
    (import "provider" (instance $provider (export "r" (type (sub resource)))))
    (import "next" (func $next (result u32)))
    (alias export $provider "r" (type $r))
    (core func $next' (canon lower (func $next)))
    (core func $drop-r (canon resource.drop $r))
    (core module $d
      (import "" "next" (func $next (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "dtor") (param i32)
        (if (i32.eqz (call $next)) (then unreachable))
        (call $drop (local.get 0))))
    (core instance $di (instantiate $d (with "" (instance
      (export "next" (func $next')) (export "drop" (func $drop-r))))))
    (type $q (resource (rep i32) (dtor (core func $di "dtor"))))
    (core func $new-q (canon resource.new $q))
    (core func $drop-q (canon resource.drop $q))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "f") (param i32) (call $drop (call $new (local.get 0))))
      (func (export "keep") (param i32)))
    (core instance $i (instantiate $m (with "" (instance
      (export "new" (func $new-q)) (export "drop" (func $drop-q))))))
    (func (export "f") (param "r" (borrow $r)) (canon lift (core func $i "f")))
    (func (export "keep") (param "r" (borrow $r)) (canon lift (core func $i "keep"))))

  (component $caller
    (import "provider" (instance $provider
      (export "r" (type $r (sub resource)))
      (export "make" (func (result (own $r))))))
    (alias export $provider "r" (type $r))
    (import "f" (func $f (param "r" (borrow $r))))
    (import "keep" (func $keep (param "r" (borrow $r))))
    (core func $make' (canon lower (func $provider "make")))
    (core func $f' (canon lower (func $f)))
    (core func $keep' (canon lower (func $keep)))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "make" (func $make (result i32)))
      (import "" "f" (func $f (param i32)))
      (import "" "keep" (func $keep (param i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "run") (result i32)
        (local $r i32)
        (local.set $r (call $make))
        (call $f (local.get $r))
        ;; Traps if the call has not ended the lend.
        (call $drop (local.get $r))
        (i32.const 1))
      (func (export "keep") (call $keep (call $make))))
    (core instance $i (instantiate $m (with "" (instance
      (export "make" (func $make')) (export "f" (func $f'))
      (export "keep" (func $keep')) (export "drop" (func $drop))))))
    (func (export "run") (result u32) (canon lift (core func $i "run")))
    (func (export "keep") (canon lift (core func $i "keep"))))

  (alias export $numbers "next" (func $next))
  (alias export $numbers "twice" (func $twice))
  (instance $provider (instantiate $provider))
  (instance $consumer (instantiate $consumer
    (with "provider" (instance $provider)) (with "next" (func $next))))
  (alias export $consumer "f" (func $f))
  (alias export $consumer "keep" (func $keep))
  (instance $caller (instantiate $caller
    (with "provider" (instance $provider)) (with "f" (func $f)) (with "keep" (func $keep))))
  (alias export $caller "run" (func $run))
  (alias export $caller "keep" (func $run-keep))

  ;; A list is lowered into a guest whose `realloc` takes long.
  (core module $slow
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $n i32)
      (loop $l
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $n) (i32.const 10000))))
      (i32.const 1024))
    (func (export "length") (param i32 i32) (result i32) (local.get 1)))
  (core instance $slow (instantiate $slow))
  (func (export "length") (param "bytes" (list u8)) (result u32)
    (canon lift (core func $slow "length") (memory (core memory $slow "memory"))
      (realloc (core func $slow "realloc"))))

  (export "run" (func $run))
  (export "keep" (func $run-keep))
  (export "next" (func $next))
  (export "twice" (func $twice)))
