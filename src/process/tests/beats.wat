;; Calls the host as often as it is told to.
(component
  (import "demo:host/beat" (instance $beat (export "once" (func))))
  (core func $once (canon lower (func $beat "once")))
  (core module $m
    (import "" "once" (func $once))
    (func (export "beat") (param $n i32) (result i32)
      (loop $again
        (call $once)
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (local.get $n)))
  (core instance $i (instantiate $m
    (with "" (instance (export "once" (func $once))))))
  (func (export "beat") (param "n" u32) (result u32) (canon lift (core func $i "beat"))))
