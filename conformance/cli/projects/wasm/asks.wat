(component
  (import "demo:host/log@1.0.0" (instance $log (export "line" (func (param "n" u32)))))
  (core func $line (canon lower (func $log "line")))
  (core module $m
    (import "host" "line" (func $line (param i32)))
    (func (export "run") (call $line (i32.const 7)))
    (func (export "quiet")))
  (core instance $host (export "line" (func $line)))
  (core instance $i (instantiate $m (with "host" (instance $host))))
  (func (export "run") (canon lift (core func $i "run")))
  (func (export "quiet") (canon lift (core func $i "quiet"))))
