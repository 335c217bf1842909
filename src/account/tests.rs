use super::*;

#[test]
fn a_limit_holds_for_the_sum_and_names_itself() {
    let account = Account::new(1000);
    let first = account.charge(600).unwrap();
    let refused = account.charge(500).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "500 bytes more than the 600 in use are beyond `limits.max_memory`, 1000 bytes"
    );
    assert_eq!(account.used(), 600);
    drop(first);
    account.charge(1000).unwrap();
    assert_eq!((account.used(), account.room()), (0, 1000));
}

#[test]
fn counters_stay_at_their_ends() {
    let account = Account::default();
    account.add_anyway(u64::MAX);
    account.add_anyway(u64::MAX);
    assert!(account.add(1).is_err());
    account.sub(u64::MAX);
    account.sub(7);
    assert_eq!(account.used(), 0);
}

#[test]
fn processes_are_on_the_account_of_their_host() {
    let host = Account::of_host(10 * BLOCK);
    let (a, b) = (host.process(u64::MAX), host.process(u64::MAX));
    a.add(BLOCK + 1).unwrap();
    assert_eq!(host.used(), 2 * BLOCK);
    b.add(8 * BLOCK).unwrap();
    let refused = b.add(1).unwrap_err();
    assert_eq!((refused.name, refused.asked), ("host.max_memory", 1));
    // What was refused has left no trace.
    assert_eq!((b.used(), host.used()), (8 * BLOCK, 10 * BLOCK));
    b.add_anyway(1);
    assert_eq!(host.used(), 11 * BLOCK);
    assert!(a.add(BLOCK).is_err());
    drop(b);
    a.add(BLOCK).unwrap();
    assert_eq!(host.used(), 3 * BLOCK);
    // Nobody has given these bytes back.
    drop(a);
    assert_eq!(host.used(), 0);
}

#[test]
fn what_the_system_has_back_is_the_hosts_until_the_process_goes_on() {
    let host = Account::of_host(10 * BLOCK);
    let sleeper = host.process(u64::MAX);
    sleeper.add(9 * BLOCK).unwrap();
    sleeper.send_away(8 * BLOCK);
    assert_eq!((sleeper.used(), sleeper.resident(), host.used()), (9 * BLOCK, BLOCK, BLOCK));
    let other = host.process(u64::MAX);
    other.add(5 * BLOCK).unwrap();
    sleeper.call_back();
    assert_eq!((sleeper.resident(), host.used()), (9 * BLOCK, 14 * BLOCK));
    sleeper.send_away(u64::MAX);
    assert_eq!(host.used(), 5 * BLOCK);
    drop(sleeper);
    assert_eq!(host.used(), 5 * BLOCK);
}

#[test]
fn a_charge_covers_what_is_needed_and_little_more() {
    let account = Account::new(10 * SPARE);
    let mut charge = account.open();
    charge.cover(SPARE).unwrap();
    assert_eq!(account.used(), 2 * SPARE);
    charge.cover(2 * SPARE).unwrap();
    charge.cover(0).unwrap();
    assert_eq!(account.used(), 2 * SPARE);
    charge.cover(10 * SPARE).unwrap();
    assert!(charge.cover(10 * SPARE + 1).is_err());
    charge.cover(SPARE).unwrap();
    assert_eq!(account.used(), 2 * SPARE);
    let mut other = account.charge(3).unwrap();
    other.merge(charge);
    assert_eq!(other.bytes(), 2 * SPARE + 3);
    drop(other);
    assert_eq!(account.used(), 0);
    Charge::default().add(u64::MAX).unwrap();
}

#[test]
fn places_are_counted_over_all_tables() {
    let account = Account::new(0);
    account.take_places(MAX_PLACES).unwrap();
    assert_eq!(account.take_places(1), Err(MAX_PLACES));
    account.give_places(1);
    account.take_places(1).unwrap();
    assert_eq!(account.places(), MAX_PLACES);
}
