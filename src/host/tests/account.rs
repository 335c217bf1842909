use crate::account::Account;

#[test]
fn many_threads_leave_nothing_on_an_account() {
    let host = Account::of_host(256 << 10);
    let process = host.process(u64::MAX);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let process = &process;
            scope.spawn(move || {
                for i in 0..20_000 {
                    // Some of them find no room.
                    let _ = process.charge((i * 37 + thread * 101) % (160 << 10));
                }
            });
        }
    });
    assert_eq!((process.used(), host.used()), (0, 0));
}
