;; Guests of `wippy:process` that do nothing but what is measured. By hand, so
;; that a process is as small as one can be: a memory of one page, all of whose
;; data lies in the first 4 KiB.
;;
;;     16  the topic
;;     64  a `value`: an integer
;;    128  what `send` and `spawn` return: at 136 the kind of an error
;;    192  what `receive` returns: at 208 the case of the mail, at 216 its payload
;;   1024  what the canonical ABI puts here; $base after the arguments
(module
  (import "wippy:process/life@0.1.0" "spawn"
    (func $spawn (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wippy:process/life@0.1.0" "yield-now" (func $yield))
  (import "wippy:process/mailbox@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wippy:process/mailbox@0.1.0" "receive"
    (func $receive (param i32 i32 i32 i32 i64 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "m")
  (data (i32.const 64) "\02")
  (global $heap (mut i32) (i32.const 1024))
  (global $base (mut i32) (i32.const 1024))

  (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  ;; Sends a number, again and again while the mailbox is full.
  (func $tell (param $to i32) (param $len i32) (param $number i64)
    (local $mark i32)
    (local.set $mark (global.get $heap))
    (i64.store (i32.const 72) (local.get $number))
    (loop $again
      (call $send (local.get $to) (local.get $len) (i32.const 16) (i32.const 1)
        (i32.const 64) (i32.const 1) (i32.const 128))
      (if (i32.load8_u (i32.const 128))
        (then
          ;; Anything but `unavailable`.
          (if (i32.ne (i32.load8_u (i32.const 136)) (i32.const 4)) (then (unreachable)))
          (global.set $heap (local.get $mark))
          (call $yield)
          (br $again)))))

  ;; Waits for mail. What the last one has left behind is gone.
  (func $wait
    (loop $again
      (global.set $heap (global.get $base))
      (call $receive (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i64.const 0) (i32.const 192))
      (if (i32.load8_u (i32.const 192)) (then (unreachable)))
      (br_if $again (i32.eqz (i32.load8_u (i32.const 200))))))

  ;; The number in the message that has come.
  (func $number (result i64)
    (i64.load offset=8 (i32.load (i32.const 236))))

  ;; Waits for ever.
  (func (export "idle")
    (loop $on (call $wait) (br $on)))

  (func (export "nothing"))

  (func (export "spin")
    (loop $on (br $on)))

  ;; Sends so many numbers in a row.
  (func (export "flood") (param $to i32) (param $len i32) (param $count i64)
    (local $sent i64)
    (global.set $base (global.get $heap))
    (loop $on
      (call $tell (local.get $to) (local.get $len) (local.get $sent))
      (local.set $sent (i64.add (local.get $sent) (i64.const 1)))
      (br_if $on (i64.lt_u (local.get $sent) (local.get $count)))))

  ;; Takes so many numbers in a row, which has to be theirs.
  (func (export "sink") (param $count i64)
    (local $taken i64)
    (loop $on
      (call $wait)
      (if (i64.ne (call $number) (local.get $taken)) (then (unreachable)))
      (local.set $taken (i64.add (local.get $taken) (i64.const 1)))
      (br_if $on (i64.lt_u (local.get $taken) (local.get $count)))))

  ;; Sends so many numbers back.
  (func (export "echo") (param $count i64)
    (loop $on
      (call $wait)
      (call $tell (i32.load (i32.const 220)) (i32.load (i32.const 224)) (call $number))
      (local.set $count (i64.sub (local.get $count) (i64.const 1)))
      (br_if $on (i64.gt_s (local.get $count) (i64.const 0)))))

  ;; Sends so many numbers, each after the last has come back.
  (func (export "ping") (param $to i32) (param $len i32) (param $count i64)
    (global.set $base (global.get $heap))
    (loop $on
      (call $tell (local.get $to) (local.get $len) (local.get $count))
      (call $wait)
      (if (i64.ne (call $number) (local.get $count)) (then (unreachable)))
      (local.set $count (i64.sub (local.get $count) (i64.const 1)))
      (br_if $on (i64.gt_s (local.get $count) (i64.const 0)))))

  ;; Starts so many processes of an entry, and waits for their ends; at most so
  ;; many at a time.
  (func (export "lives") (param $entry i32) (param $len i32) (param $count i64) (param $max i64)
    (local $begun i64) (local $ended i64)
    (global.set $base (global.get $heap))
    (loop $on
      (if (i32.and
            (i64.lt_u (local.get $begun) (local.get $count))
            (i64.lt_u (i64.sub (local.get $begun) (local.get $ended)) (local.get $max)))
        (then
          (global.set $heap (global.get $base))
          (call $spawn (local.get $entry) (local.get $len)
            (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 128))
          (if (i32.load8_u (i32.const 128)) (then (unreachable)))
          (local.set $begun (i64.add (local.get $begun) (i64.const 1))))
        (else
          (call $wait)
          ;; An `exit`, and a good one.
          (if (i32.ne (i32.load8_u (i32.const 208)) (i32.const 1)) (then (unreachable)))
          (if (i32.load8_u (i32.const 224)) (then (unreachable)))
          (local.set $ended (i64.add (local.get $ended) (i64.const 1)))))
      (br_if $on (i64.lt_u (local.get $ended) (local.get $count))))))
