;; `open` makes a TCP socket: 0, or the number of its error, from 1 on.
(component
  (import "wasi:sockets/network@0.2.0" (instance $network
    (type $error (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory"
      "timeout" "concurrency-conflict" "not-in-progress" "would-block" "invalid-state"
      "new-socket-limit" "address-not-bindable" "address-in-use" "remote-unreachable"
      "connection-refused" "connection-reset" "connection-aborted" "datagram-too-large"
      "name-unresolvable" "temporary-resolver-failure" "permanent-resolver-failure"))
    (export "error-code" (type (eq $error)))
    (type $family (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $family)))))
  (alias export $network "error-code" (type $error))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp
    (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
    (alias outer 1 $error (type $e))
    (export "error-code" (type $error (eq $e)))
    (alias outer 1 $family (type $f))
    (export "ip-address-family" (type $family (eq $f)))
    (alias outer 1 $socket (type $s))
    (export "tcp-socket" (type $socket (eq $s)))
    (export "create-tcp-socket" (func
      (param "address-family" $family)
      (result (result (own $socket) (error $error)))))))
  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (alias export $create "create-tcp-socket" (func $new))
  (alias core export $memory "memory" (core memory $mem))
  (core func $create (canon lower (func $new) (memory $mem)))
  (core module $program
    (import "" "create" (func $create (param i32 i32)))
    (import "" "memory" (memory 1))
  (func (export "open") (result i32)
      (call $create (i32.const 0) (i32.const 16))
      (if (result i32) (i32.load8_u (i32.const 16))
        (then (i32.add (i32.const 1) (i32.load8_u (i32.const 20))))
        (else (i32.const 0)))))
  (core instance $program (instantiate $program
    (with "" (instance
      (export "create" (func $create))
      (export "memory" (memory $mem))))))
  (alias core export $program "open" (core func $open))
  (func (export "open") (result u32) (canon lift (core func $open))))
