//! Steps, limits, and patterns beside Lua's own.

use super::{
    LuaConfig, LuaProcess, LuaProgram,
    pattern::{Capture, Search},
    sandbox,
};
use crate::{
    command::{Command, Mail, StdioCommand, Yield},
    component::TrapKind,
    process::{Call, Cause, Event, Fuel, Process, Received, Start, Status, StepOutput},
    value::{Term, Value},
};

fn program(source: &str) -> LuaProgram {
    let config = LuaConfig {
        name: "test:program".to_owned(),
        source: source.to_owned(),
        method: "main".to_owned(),
        modules: vec!["time".to_owned(), "io".to_owned(), "json".to_owned()],
        ..LuaConfig::default()
    };
    LuaProgram::new(&config).unwrap()
}

fn main() -> Start {
    Call::new("main", Vec::new()).into()
}

fn started(source: &str) -> LuaProcess {
    LuaProcess::start(&program(source), main()).unwrap()
}

fn step(process: &mut LuaProcess, slice: u64) -> StepOutput {
    let mut out = StepOutput::default();
    process.step(&mut Vec::new(), Fuel(slice), &mut out);
    out
}

#[test]
fn an_endless_loop_is_a_series_of_bounded_steps() {
    for source in [
        "function main() while true do end end",
        "function main() for _ in function() return 1 end do end end",
        "function main() local function f() return f() end f() end",
        "function main() while true do pcall(error, 'x') end end",
        "function main() while true do coroutine.wrap(function() end)() end end",
        "function main() local function f() coroutine.spawn(f) end f() while true do coroutine.yield() end end",
        "function main() while true do pcall(string.rep, 'x', 100000) end end",
        "function main() local s = ('x'):rep(1 << 20) while true do s:upper() end end",
        "function main() local s = ('a'):rep(150) while true do s:find('.-.-b') end end",
        "function main() local t = {} for i = 1, 1000 do t[i] = -i end while true do table.sort(t) end end",
        "function main() while true do load('return 1') end end",
        "function main() ::again:: goto again end",
    ] {
        let mut process = started(source);
        for slice in [5_000, 50_000] {
            let mut most = 0;
            for _ in 0..20 {
                let out = step(&mut process, slice);
                assert_eq!(out.status, Status::Continue, "{source}");
                most = most.max(out.fuel_used);
            }
            // One operation more than the slice: a search, or a text of 1 MiB.
            assert!(most <= slice + 3_000_000, "{source}: {most}");
        }
    }
}

#[test]
fn fuel_does_not_depend_on_time_or_other_processes() {
    let source = "function main() local t = {} for i = 1, 30000 do t[#t + 1] = i * 2 end \
        table.sort(t, function(a, b) return a > b end) return #t end";
    let run = || {
        let (mut process, mut used) = (started(source), Vec::new());
        loop {
            let out = step(&mut process, 10_000);
            used.push(out.fuel_used);
            if out.status != Status::Continue {
                assert_eq!(out.status, Status::Exited(Term::Int(30_000)));
                return used;
            }
        }
    };
    assert_eq!(run(), run());
}

#[test]
fn a_process_waits_and_goes_on() {
    let mut process = started("function main() return process.inbox():receive():topic() end");
    assert_eq!(step(&mut process, 100_000).status, Status::Idle);
    let message = crate::command::Message::new(None, "hi", vec![]);
    let mail = Mail::Message(message);
    let taken = Received { mails: 1, bytes: mail.size(), shared: 0 };
    let (mut events, mut out) = (vec![Event::Mail(mail)], StepOutput::default());
    process.step(&mut events, Fuel(100_000), &mut out);
    assert_eq!((out.status, out.received), (Status::Exited("hi".into()), taken));
    let mut process = started("function main() print('x') end");
    let out = step(&mut process, 100_000);
    assert_eq!(out.status, Status::Blocked);
    assert!(
        matches!(&out.yields[0].command, Command::Stdio(StdioCommand::Write { bytes, .. }) if bytes == b"x\n")
    );
    assert_eq!(out.received, Received::default());
}

#[test]
fn typed_values_are_arguments() {
    let joins = program("function main(a, b) return a .. b end");
    let call = Call::new("main", vec![Value::U32(4), Value::String("x".into())]);
    let mut process = LuaProcess::start(&joins, call.into()).unwrap();
    assert_eq!(step(&mut process, 100_000).status, Status::Exited("4x".into()));
    let refused = |arg| {
        let call = Call::new("main", vec![arg]);
        LuaProcess::start(&joins, call.into()).unwrap_err()
    };
    let error = refused(Value::some(Value::U32(1)));
    assert_eq!(error.to_string(), "an argument that needs its type");
    let error = refused(Value::U64(u64::MAX));
    assert!(error.to_string().contains("larger than the largest integer"), "{error}");
}

#[test]
fn a_process_ends_when_its_fuel_is_used_up_and_is_not_started_without_a_call() {
    let mut start = main();
    start.data.limits.max_fuel = Some(20_000);
    let program = program("function main() while true do end end");
    let mut process = LuaProcess::start(&program, start).unwrap();
    let mut used = 0;
    let error = loop {
        let out = step(&mut process, 1_000);
        used += out.fuel_used;
        match out.status {
            Status::Continue => assert!(used < 30_000, "{used}"),
            Status::Done(Err(error)) => break error,
            other => panic!("{other:?}"),
        }
    };
    assert!(used >= 20_000, "{used}");
    assert_eq!(error.cause(), Cause::Trap(TrapKind::Limit));
    assert_eq!(error.message(), "the process has used up `limits.max_fuel`, 20000 units");
    let error = LuaProcess::start(&program, Start::default()).unwrap_err();
    assert_eq!(error.message(), "a Lua process begins with a call");
}

#[test]
fn cancel_and_timeout_end_it_between_steps() {
    for event in [Event::Cancel { reason: "why".into() }, Event::Timeout { limit: 5 }] {
        let mut process = started("function main() while true do end end");
        step(&mut process, 1_000);
        let mut out = StepOutput::default();
        process.step(&mut vec![event], Fuel(1_000), &mut out);
        assert!(matches!(out.status, Status::Done(Err(_))));
    }
}

#[test]
fn slow_instructions_do_not_make_long_steps() {
    let source = "function main() local t = {} for i = 1, 400000 do t['k' .. i] = i end \
        for key in next, t do t[key] = nil end while next(t) == nil do end end";
    let mut process = started(source);
    let mut longest = std::time::Duration::ZERO;
    for _ in 0..60 {
        let start = std::time::Instant::now();
        assert_eq!(step(&mut process, 200_000).status, Status::Continue);
        longest = longest.max(start.elapsed());
    }
    // Without a look at the time, each would take a minute.
    assert!(longest < std::time::Duration::from_secs(10), "{longest:?}");
}

/// A small generator of numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn patterns_match_as_in_lua() {
    let lua = sandbox::bare().unwrap();
    let find: mlua::Function = lua.load("string.find").eval().unwrap();
    let ours = |subject: &str, pattern: &str, init: usize| {
        let anchored = pattern.starts_with('^');
        let mut search = Search::new(subject.as_bytes(), pattern.as_bytes());
        let found = search.find(init - 1, None, anchored).map_err(str::to_owned)?;
        Ok::<_, String>(found.map(|found| {
            let mut text = format!("{} {}", found.from + 1, found.to);
            for capture in found.captures {
                match capture {
                    Capture::Position(at) => text.push_str(&format!(" {}", at + 1)),
                    Capture::Part { from, to } => {
                        text.push_str(&format!(" {}", &subject[from..to]))
                    }
                }
            }
            text
        }))
    };
    let parts = [
        "a", "b", "c", ".", "%a", "%d", "%s", "%S", "%w", "%.", "[ab]", "[^ab]", "[a-c]", "[%a_]",
        "a*", "b+", "c-", ".-", ".*", "%a*", "a?", "[bc]+", "(a)", "(b*)", "()", "(.-)", "%1",
        "%2", "%b()", "%f[%a]", "^", "$", "(", ")", "[", "]", "%", "-", "[]]", "[^]]", "[a-]",
    ];
    let letters = ["a", "b", "c", "(", ")", " ", "1", ".", "]", "-", "x"];
    let mut dice = Dice(1);
    let mut matches = 0;
    for _ in 0..20_000 {
        let length = dice.below(12);
        let subject: String = (0..length).map(|_| letters[dice.below(letters.len())]).collect();
        let length = 1 + dice.below(5);
        let pattern: String = (0..length).map(|_| parts[dice.below(parts.len())]).collect();
        let init = 1 + dice.below(subject.len() + 1);
        // Lua looks for a text without special characters in another way.
        if !pattern.contains(['^', '$', '*', '+', '?', '.', '(', '[', '%', '-']) {
            continue;
        }
        let theirs = find.call::<mlua::MultiValue>((subject.as_str(), pattern.as_str(), init));
        let theirs = theirs.map(|values| {
            let texts: Vec<String> =
                values.iter().map(|value| value.to_string().unwrap()).collect();
            (texts != ["nil"]).then(|| texts.join(" "))
        });
        let ours = ours(&subject, &pattern, init);
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{subject:?} {pattern:?} {init}"),
            (Err(_), Err(_)) => {}
            _ => panic!("{subject:?} {pattern:?} {init}: {ours:?}, but {theirs:?}"),
        }
        matches += usize::from(matches!(ours, Ok(Some(_))));
    }
    assert!(matches > 2_000, "{matches}");
}

#[test]
fn commands_that_wait_have_a_limit_together() {
    let source = "function main() \
        local large, refused = ('x'):rep(8 << 20), 0 \
        for _ = 1, 10 do coroutine.spawn(function() \
            local _, why = process.send('other', 'large', large) \
            if why then refused = refused + 1 end \
        end) end \
        coroutine.yield() print(refused) process.inbox():receive() end";
    let mut process = started(source);
    let out = step(&mut process, 1 << 40);
    // Of 64 MiB, six times 8 MiB, as Lua has others.
    let sends = out.yields.iter().filter(|asked| matches!(asked.command, Command::Actor(_)));
    assert_eq!((sends.count(), &out.status), (6, &Status::Blocked));
    let is_four = |asked: &Yield| matches!(&asked.command, Command::Stdio(StdioCommand::Write { bytes, .. }) if bytes == b"4\n");
    assert!(out.yields.iter().any(is_four));
}

#[test]
fn what_a_process_holds_is_on_its_account() {
    let account = crate::account::Account::new(64 << 20);
    let source = "function main() t = ('x'):rep(8 << 20) time = require('time') \
        time.sleep('1s') t = nil time.sleep('1s') end";
    let start = Start { account: Some(account.clone()), ..main() };
    let mut process = LuaProcess::start(&program(source), start).unwrap();
    let idle = account.used();
    assert!(idle > process.memory_used() + (16 << 10), "{idle}");
    assert!(matches!(step(&mut process, 1 << 40).status, Status::Blocked));
    assert!(account.used() > 8 << 20, "{account:?}");
    drop(process);
    assert_eq!(account.used(), 0);
    // One that has no room is not started, nor does it grow beyond.
    let account = crate::account::Account::new(40 << 10);
    let start = Start { account: Some(account), ..main() };
    let error = LuaProcess::start(&program(source), start).unwrap_err();
    assert_eq!(error.kind(), crate::command::ErrorKind::Unavailable);
    assert!(error.to_string().contains("limits.max_memory"), "{error}");
    let account = crate::account::Account::of_host(20 << 20).process(64 << 20);
    let source = "function main() return pcall(function() \
        local t = {} for i = 1, 1e7 do t[i] = { i } end end) end";
    let start = Start { account: Some(account), ..main() };
    let mut process = LuaProcess::start(&program(source), start).unwrap();
    let Status::Done(Err(error)) = step(&mut process, 1 << 40).status else { panic!() };
    assert!(error.to_string().contains("beyond `host.max_memory`"), "{error}");
}

#[test]
fn a_text_of_an_error_is_cut() {
    let mut process = started("function main() error(('x'):rep(1 << 20), 0) end");
    let Status::Done(Err(error)) = step(&mut process, 1 << 40).status else { panic!() };
    assert_eq!(error.to_string().lines().next().map(str::len), Some((64 << 10) + '…'.len_utf8()));
}

#[test]
fn syntax_errors_have_lines() {
    let config = LuaConfig {
        name: "app:it".to_owned(),
        source: "#!/usr/bin/lua\nlocal x = 1\nx = = 2\n".to_owned(),
        ..LuaConfig::default()
    };
    let error = LuaProgram::new(&config).unwrap_err();
    assert_eq!(
        (error.line, error.to_string().as_str()),
        (Some(3), "line 3: unexpected symbol near '='")
    );
}

#[test]
fn an_idle_process_is_small() {
    let mut process = started("function main() process.inbox():receive() end");
    assert_eq!(step(&mut process, 100_000).status, Status::Idle);
    process.trim(&mut |_| {});
    let used = process.memory_used();
    assert!(used < 76 << 10, "{used} bytes");
}

#[test]
#[ignore = "a measurement"]
fn measure_the_longest_steps() {
    let zeros = "local a = ('\\0'):rep(12 << 20) local b = a .. '' local t = {}";
    for (name, before, again) in [
        ("nothing", "", ""),
        ("less than", zeros, "local _ = a < b"),
        ("equal", zeros, "local _ = a == b"),
        ("a key", zeros, "t[a .. 'y'] = nil"),
        ("concat", zeros, "local _ = a .. b:sub(1, 1 << 20)"),
        (
            "large garbage",
            "local s = ('x'):rep(1 << 20) local t = {} for i = 1, 500000 do t[i] = { i } end",
            "local _ = s .. i",
        ),
        ("small garbage", "local t = {} for i = 1, 400000 do t[i] = { i } end", "local _ = { i }"),
        (
            "out of memory",
            "local s = ('x'):rep(8 << 20) local t = {} for i = 1, 500000 do t[i] = { i } end",
            "local _ = s .. s",
        ),
        ("growing tables", "", "local t = {} for i = 1, 300000 do t['k' .. i] = i end"),
        (
            "an emptied table",
            "local t = {} for i = 1, 400000 do t['k' .. i] = i end for k in next, t do t[k] = nil end",
            "next(t)",
        ),
        (
            "json",
            "local j = require('json') local s = '[' .. ('[1,2],'):rep(100000) .. '1]'",
            "j.encode(j.decode(s))",
        ),
        ("messages", "local t = {} for i = 1, 100000 do t[i] = i end", "process.send('x', 'y', t)"),
        (
            "sort",
            "local t = {} for i = 1, 50000 do t[i] = ('\\0'):rep(1000) .. i end",
            "table.sort(t)",
        ),
        (
            "weak keys",
            "local t = setmetatable({}, { __mode = 'k' }) local k = {} for i = 1, 200000 do local n = {} t[k] = n k = n end",
            "local _ = { i }",
        ),
    ] {
        let source =
            format!("function main() {before} local i = 0 while true do i = i + 1 {again} end end");
        let mut process = started(&source);
        let (mut longest, mut steps) = (std::time::Duration::ZERO, 0);
        let begin = std::time::Instant::now();
        while begin.elapsed().as_secs() < 10 {
            let start = super::budget::processor_time();
            let out = step(&mut process, 100_000);
            longest = longest.max(super::budget::processor_time() - start);
            steps += 1;
            if out.status != Status::Continue {
                println!("    {name}: {:?}", out.status);
                break;
            }
        }
        println!("{name}: longest step {longest:?} of {steps}");
    }
}

#[test]
#[ignore = "a measurement"]
fn measure() {
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4
    };
    for source in [
        "function main() process.inbox():receive() end",
        "function main() channel.new():receive() end",
        "function main() coroutine.yield() while true do end end",
    ] {
        let program = program(source);
        let before = resident();
        let start = std::time::Instant::now();
        let all: Vec<LuaProcess> = (0..1000)
            .map(|_| {
                let mut process = LuaProcess::start(&program, main()).unwrap();
                step(&mut process, 1000);
                process
            })
            .collect();
        let elapsed = start.elapsed() / 1000;
        let (used, after) = (all[0].memory_used(), resident());
        println!(
            "{source}: {used} bytes in Lua, {} KiB resident, {elapsed:?}",
            (after - before) / 1000
        );
        let start = std::time::Instant::now();
        drop(all);
        println!("  end {:?}", start.elapsed() / 1000);
    }
    let mut process = started("function main() local n = 0 while true do n = n + 1 end end");
    for slice in [10_000, 100_000, 1_000_000] {
        let start = std::time::Instant::now();
        for _ in 0..20_000_000 / slice {
            step(&mut process, slice);
        }
        println!("slice {slice}: 20 million instructions in {:?}", start.elapsed());
    }
    let mut process = started(
        "function main() local ch = channel.new() coroutine.spawn(function() while true do ch:receive() end end) local n = 0 while true do ch:send(n) n = n + 1 sends = n if n % 1000000 == 0 then return n end end end",
    );
    let start = std::time::Instant::now();
    let mut status = Status::Continue;
    while status == Status::Continue {
        status = step(&mut process, 100_000).status;
    }
    println!("{status:?}: 1 million values through an unbuffered channel in {:?}", start.elapsed());
}
