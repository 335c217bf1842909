//! A guest that calls host functions one by one.

use super::{
    super::{Preopen, WasiConfig, WasiState},
    LINKER, World,
};
use crate::{
    account::Account,
    command::{Errno, FileId},
    component::{Answer, HostState, Trap},
    value::{Resource, Type, Value, check::check_with},
};

/// Calls host functions as a guest would.
pub(in crate::imports::wasi) struct Guest {
    pub state: HostState,
    pub world: World,
}

impl Guest {
    pub fn new(config: WasiConfig, world: World) -> Guest {
        Guest::on_account(config, world, Account::default())
    }

    pub fn on_account(config: WasiConfig, world: World, account: Account) -> Guest {
        let mut state = HostState::default();
        state.begin(account, None);
        state.set(WasiState::new(config).unwrap());
        Guest { state, world }
    }

    /// With the world's root as `/`, and nothing else.
    pub fn at_root(world: World) -> Guest {
        let root = Preopen { guest: "/".to_owned(), dir: FileId(0), read_only: false };
        Guest::new(WasiConfig { preopens: vec![root], ..WasiConfig::default() }, world)
    }

    /// Calls a function of `wasi:interface`, answers its commands, and checks
    /// its result against the WIT.
    pub fn call(
        &mut self,
        interface: &str,
        function: &str,
        args: Vec<Value>,
    ) -> Result<Option<Value>, Trap> {
        let interface = format!("wasi:{interface}");
        let (mut answer, ty) = LINKER.call(&mut self.state, &interface, function, args)?;
        loop {
            self.post();
            answer = match answer {
                Answer::Now(value) => {
                    assert_eq!(value.is_some(), ty.result.is_some(), "{function}");
                    if let (Some(value), Some(id)) = (&value, ty.result) {
                        let ty = Type::new(LINKER.types.clone().into(), id);
                        check_with(&ty, value, &mut |_, _| true)
                            .unwrap_or_else(|e| panic!("{function}: {e}"));
                    }
                    return Ok(value);
                }
                Answer::Then(command, then) => {
                    let reply = self.world.answer(command);
                    LINKER.proceed(&mut self.state, then, reply)?
                }
                Answer::Later(command) => panic!("{function}: {command:?}"),
            };
        }
    }

    fn post(&mut self) {
        for command in std::mem::take(&mut self.state.outbox) {
            self.world.answer(command);
        }
    }

    /// Drops a handle that the guest owns.
    pub fn drop(&mut self, interface: &str, resource: &str, rep: u32) -> Result<(), Trap> {
        LINKER.call_dtor(&mut self.state, &format!("wasi:{interface}"), resource, rep)?;
        self.post();
        Ok(())
    }

    /// A method of `descriptor`: its result, or the name of the error.
    pub fn fs(&mut self, method: &str, rep: u32, args: &[Value]) -> Result<Value, Errno> {
        let mut all = vec![borrow(rep)];
        all.extend(args.iter().cloned());
        let function = format!("[method]descriptor.{method}");
        let result = self.call("filesystem/types", &function, all).unwrap().unwrap();
        result_of(result).map_err(|code| match code {
            Some(Value::Variant { case, .. }) => errno(case),
            other => panic!("{other:?}"),
        })
    }

    /// Opens a path with the given bits of `open-flags` and `descriptor-flags`.
    pub fn open(&mut self, base: u32, path: &str, how: u32, what: u32) -> Result<u32, Errno> {
        let args = [Value::Flags(1), path.into(), Value::Flags(how), Value::Flags(what)];
        self.fs("open-at", base, &args).map(|value| rep(&value))
    }

    /// A function of `wasi:io/streams`.
    pub fn stream(
        &mut self,
        method: &str,
        rep: u32,
        args: &[Value],
    ) -> Result<Result<Value, Option<Value>>, Trap> {
        let mut all = vec![borrow(rep)];
        all.extend(args.iter().cloned());
        let result = self.call("io/streams", &format!("[method]{method}"), all)?.unwrap();
        Ok(match result {
            result @ Value::Variant { .. } => result_of(result),
            other => Ok(other),
        })
    }

    /// The directories that are open from the beginning.
    pub fn preopens(&mut self) -> Vec<(u32, String)> {
        let list = self.call("filesystem/preopens", "get-directories", vec![]).unwrap().unwrap();
        let Value::List(list) = list else { panic!("{list:?}") };
        list.iter()
            .map(|pair| match pair {
                Value::Record(fields) => (rep(&fields[0]), fields[1].as_str().unwrap().to_owned()),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

pub(in crate::imports::wasi) fn borrow(rep: u32) -> Value {
    Value::Borrow(Resource::host(rep))
}

pub(in crate::imports::wasi) fn rep(value: &Value) -> u32 {
    match value {
        Value::Own(resource) => resource.rep,
        other => panic!("no handle: {other:?}"),
    }
}

/// `ok`'s payload, or a unit that stands for none; or `err`'s payload.
pub(in crate::imports::wasi) fn result_of(value: Value) -> Result<Value, Option<Value>> {
    match value {
        Value::Variant { case: 0, payload } => {
            Ok(payload.map_or(Value::Record(Vec::new()), |value| *value))
        }
        Value::Variant { case: 1, payload } => Err(payload.map(|value| *value)),
        other => panic!("no result: {other:?}"),
    }
}

/// The error with this number.
pub(in crate::imports::wasi) fn errno(case: u32) -> Errno {
    const ALL: [Errno; 37] = [
        Errno::Access,
        Errno::WouldBlock,
        Errno::Already,
        Errno::BadDescriptor,
        Errno::Busy,
        Errno::Deadlock,
        Errno::Quota,
        Errno::Exist,
        Errno::FileTooLarge,
        Errno::IllegalByteSequence,
        Errno::InProgress,
        Errno::Interrupted,
        Errno::Invalid,
        Errno::Io,
        Errno::IsDirectory,
        Errno::Loop,
        Errno::TooManyLinks,
        Errno::MessageSize,
        Errno::NameTooLong,
        Errno::NoDevice,
        Errno::NoEntry,
        Errno::NoLock,
        Errno::InsufficientMemory,
        Errno::InsufficientSpace,
        Errno::NotDirectory,
        Errno::NotEmpty,
        Errno::NotRecoverable,
        Errno::Unsupported,
        Errno::NoTty,
        Errno::NoSuchDevice,
        Errno::Overflow,
        Errno::NotPermitted,
        Errno::Pipe,
        Errno::ReadOnly,
        Errno::InvalidSeek,
        Errno::TextFileBusy,
        Errno::CrossDevice,
    ];
    ALL[case as usize]
}
