//! A Lua state that does the same in each run, for processes that are recorded.
//!
//! What Lua leaves to chance comes from two things, the seed of its hashes and addresses.
//! Both decide where a key of a table lies, and so the order of `next`, when a table grows,
//! what is allocated, and when garbage is collected. So
//!
//! - all that the state allocates lies in an [`arena`](super::arena), at the same addresses
//!   below 4 GiB. What hashes addresses takes no more of them;
//! - the seed is set as soon as Lua has chosen its own and before it has hashed anything;
//! - functions of the library, whose addresses are those of the program and change from run
//!   to run, become closures, which lie in the arena;
//! - the registry, whose keys the library makes of such addresses, is made so large that it
//!   never grows; and what it holds is [held](hold_registry) by a table as well that the
//!   collector sees before, so that the order of these keys is not that of its work;
//! - the prelude's part `pinned` shows addresses without what lies above 4 GiB;
//! - slices are not cut short by [time](super::budget), and garbage is not collected while
//!   a process waits;
//! - the limit of memory counts what the process holds itself, and not what others hold for
//!   it, such as mail on its way.
//!
//! Lua has no way to set the seed. It is found by what lies before it, and whether that was
//! right is [tried out](check) once: where it was not, nothing is pinned, and a process is
//! not started rather than wrongly recorded.
//!
//! What is left: `math.sin` and its like, `^` and the printing of floats are the C
//! library's, so that a journal of a process in Lua belongs to one kind of machine.
#![expect(unsafe_code, reason = "a state with a seed is only to be had through Lua's C interface")]

use std::{ffi::c_void, ptr, sync::OnceLock};

use mlua::{Error, Lua, Result, Table, Value, ffi};

use super::{long::Limited, sandbox};
use crate::account::Charge;

/// The seed.
const SEED: u32 = 0x5eed_1234;

/// Words of Lua's global state from `frealloc` on up to the seed: the allocator and its
/// data, four counts, the table of strings (a pointer and two halves), two values of two
/// words.
const BEFORE_SEED: usize = 2 + 4 + 2 + 2 * 2;

/// Places in the registry.
const REGISTRY: (i32, i32) = (16, 64);

/// A state that is to be closed.
pub(super) struct Pinned(*mut ffi::lua_State);

// SAFETY: the state is used through the library's lock until it is closed, once.
unsafe impl Send for Pinned {}

impl Pinned {
    /// A state with this allocator, and the library's handle of it.
    ///
    /// # Safety
    ///
    /// `allocate` is an allocator as Lua wants it, and with `data` one of an arena. The data
    /// live until the state is [closed](Pinned::close).
    pub unsafe fn new(allocate: ffi::lua_Alloc, data: *mut c_void) -> Result<(Pinned, Lua)> {
        // SAFETY: as the caller promises.
        let state = unsafe { ffi::lua_newstate(allocate, data) };
        if state.is_null() {
            return Err(Error::MemoryError("no memory for a Lua state".to_owned()));
        }
        // SAFETY: a new state, in which nothing fails: it has no limit of memory yet.
        let lua = unsafe {
            grow_registry(state);
            ffi::luaL_requiref(state, c"_G".as_ptr(), ffi::luaopen_base, 1);
            ffi::lua_pop(state, 1);
            Lua::get_or_init_from_ptr(state).clone()
        };
        let pinned = Pinned(state);
        match lua.load_std_libs(sandbox::libraries()).and_then(|()| close_functions(&lua)) {
            Ok(()) => Ok((pinned, lua)),
            Err(error) => {
                drop(lua);
                // SAFETY: nobody has a reference to it.
                unsafe { pinned.close() };
                Err(error)
            }
        }
    }

    /// Closes the state.
    ///
    /// # Safety
    ///
    /// Nobody uses it afterwards.
    pub unsafe fn close(self) {
        // SAFETY: a live state, as this is called once.
        unsafe { ffi::lua_close(self.0) };
    }
}

/// Sets the seed in the global state that the first block of a state holds.
///
/// # Safety
///
/// To be called when Lua asks for the second block of a new state: by then it has chosen a
/// seed, and has hashed nothing.
pub(super) unsafe fn seed(
    (block, size): (*mut u8, usize),
    allocate: ffi::lua_Alloc,
    data: *mut c_void,
) {
    let words = size / size_of::<usize>();
    let block = block.cast::<usize>();
    for at in 0..words.saturating_sub(BEFORE_SEED) {
        // SAFETY: words within the block. Those behind what Lua has asked for belong to the
        // block as well; what they hold does not matter.
        let found = unsafe { (block.add(at).read(), block.add(at + 1).read()) };
        if found == (allocate as usize, data.addr()) {
            // SAFETY: the word lies in the block, which Lua has made its state in and does
            // not look at while it waits for memory.
            unsafe { block.add(at + BEFORE_SEED).cast::<u32>().write(SEED) };
            return;
        }
    }
}

/// Replaces the registry of a new state by a larger one.
///
/// # Safety
///
/// A live state with room on its stack.
unsafe fn grow_registry(state: *mut ffi::lua_State) {
    // SAFETY: the stack is as it was afterwards. Lua allows that its registry is replaced.
    unsafe {
        ffi::lua_createtable(state, REGISTRY.0, REGISTRY.1);
        for index in [ffi::LUA_RIDX_MAINTHREAD, ffi::LUA_RIDX_GLOBALS] {
            ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, index);
            ffi::lua_rawseti(state, -2, index);
        }
        ffi::lua_copy(state, -1, ffi::LUA_REGISTRYINDEX);
        ffi::lua_pop(state, 1);
    }
}

/// Puts all that the registry holds into a table, in the order in which it lies in the
/// arena. It is to be the metatable of a type: those are walked before the registry is.
pub(super) fn hold_registry(lua: &Lua, holder: &Table) -> Result<()> {
    // SAFETY: the closure takes the table from the stack. It has room for five values.
    unsafe {
        lua.exec_raw::<()>(holder, |state| {
            ffi::lua_createtable(state, REGISTRY.1, 0);
            let mut found = Vec::new();
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, ffi::LUA_REGISTRYINDEX) != 0 {
                let place = ffi::lua_topointer(state, -1).addr();
                if place == 0 || ffi::lua_iscfunction(state, -1) != 0 {
                    ffi::lua_pop(state, 1);
                } else {
                    let at = i64::try_from(found.len()).unwrap_or(i64::MAX).saturating_add(1);
                    ffi::lua_rawseti(state, -3, at);
                    found.push((place, at));
                }
            }
            found.sort();
            for ((_, from), to) in found.into_iter().zip(1..) {
                ffi::lua_rawgeti(state, -1, from);
                ffi::lua_rawseti(state, -3, to);
            }
            ffi::lua_pop(state, 2);
        })
    }
}

/// Makes closures of the functions of the library.
fn close_functions(lua: &Lua) -> Result<()> {
    let globals = lua.globals();
    let mut tables = vec![globals.clone()];
    for name in ["string", "table", "coroutine", "math", "utf8"] {
        tables.push(globals.raw_get(name)?);
    }
    let text = Value::String(lua.create_string("")?);
    // SAFETY: the closure leaves the metatable of the string in its place.
    let of_texts: Option<Table> = unsafe {
        lua.exec_raw(text, |state| {
            if ffi::lua_getmetatable(state, -1) == 0 {
                ffi::lua_pushnil(state);
            }
            ffi::lua_replace(state, -2);
        })?
    };
    tables.extend(of_texts);
    for table in tables {
        // SAFETY: the closure takes the table from the stack. What it changes are values of
        // keys that are there, which a walk allows.
        unsafe {
            lua.exec_raw::<()>(table, |state| {
                ffi::lua_pushnil(state);
                while ffi::lua_next(state, -2) != 0 {
                    close_function(state);
                    if ffi::lua_isnil(state, -1) == 0 {
                        ffi::lua_pushvalue(state, -2);
                        ffi::lua_insert(state, -2);
                        ffi::lua_rawset(state, -4);
                    } else {
                        ffi::lua_pop(state, 1);
                    }
                }
                ffi::lua_pop(state, 1);
            })?;
        }
    }
    Ok(())
}

/// Replaces the value on top of the stack by a closure of it, or by nil if it is no plain
/// function in C.
///
/// # Safety
///
/// A live state with a value and room for two more on its stack.
unsafe fn close_function(state: *mut ffi::lua_State) {
    // SAFETY: as the caller promises. A function that does not use its upvalue does not
    // mind to have one.
    unsafe {
        let function = ffi::lua_tocfunction(state, -1);
        let plain = function.filter(|_| ffi::lua_getupvalue(state, -1, 1).is_null());
        if function.is_some() && plain.is_none() {
            ffi::lua_pop(state, 1);
        }
        ffi::lua_pop(state, 1);
        ffi::lua_pushnil(state);
        if let Some(function) = plain {
            ffi::lua_pushcclosure(state, function, 1);
        }
    }
}

/// The closure of a plain function in C; any other value is left as it is.
pub(super) fn closed(lua: &Lua, value: Value) -> Result<Value> {
    // SAFETY: the closure leaves one value in the place of another.
    let made: Value = unsafe { lua.exec_raw(value.clone(), |state| close_function(state))? };
    Ok(if made.is_nil() { value } else { made })
}

/// Looks, once, whether states can be pinned here.
///
/// # Errors
///
/// With why not.
pub(super) fn check() -> std::result::Result<(), String> {
    static FOUND: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let lua = Limited::pinned(16 << 20, Charge::default()).map_err(|error| match error {
            Error::RuntimeError(why) => why,
            other => other.to_string(),
        })?;
        let order: String = lua.load(ORDER).eval().map_err(|error| error.to_string())?;
        match order == EXPECTED {
            true => Ok(()),
            false => Err(format!(
                "the Lua library of this build keeps its seed at another place; the order of \
                 keys is {order}"
            )),
        }
    });
    found.clone()
}

/// A program whose result follows from the seed.
const ORDER: &str = "
    local keys, order = {}, {}
    for i = 1, 24 do keys['key ' .. i] = i end
    for _, i in next, keys do order[#order + 1] = i end
    return table.concat(order, ' ')";

/// Its result.
const EXPECTED: &str = "21 8 12 22 2 19 24 23 7 13 5 18 14 20 17 11 4 1 16 6 9 15 10 3";

/// Where a value lies, as it is in each run; nothing for one that lies nowhere.
fn place(value: &Value) -> Option<String> {
    let address = value.to_pointer();
    // The lower half.
    (!ptr::eq(address, ptr::null())).then(|| format!("0x{:08x}", address.addr() & 0xffff_ffff))
}

/// True if the text of a value has its address in it.
fn shows_address(value: &Value) -> bool {
    let meta = match value {
        Value::Table(table) => table.metatable(),
        Value::Function(_) | Value::Thread(_) => None,
        Value::UserData(_) => return true,
        Value::Nil
        | Value::Boolean(_)
        | Value::LightUserData(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Error(_)
        | Value::Other(_) => return false,
    };
    !meta.is_some_and(|meta| meta.raw_get::<Value>("__tostring").is_ok_and(|it| !it.is_nil()))
}

/// The text of a value, which has this text otherwise, with an address that is the same in
/// each run.
pub(super) fn text(value: &Value, text: &[u8]) -> Option<Vec<u8>> {
    let place = place(value).filter(|_| shows_address(value))?;
    let at = memchr::memmem::rfind(text, b"0x")?;
    let mut shown = text.get(..at)?.to_vec();
    shown.extend_from_slice(place.as_bytes());
    Some(shown)
}

/// The arguments of `string.format`, with texts in the place of all that shows an address.
/// Nothing if they can stay as they are.
pub(super) fn format(lua: &Lua, args: &[Value]) -> Result<Option<Vec<Value>>> {
    let Some((Value::String(form), rest)) = args.split_first() else { return Ok(None) };
    let form = form.as_bytes();
    let has_pointer = memchr::memmem::find(&form, b"p").is_some();
    if !has_pointer && !rest.iter().any(shows_address) {
        return Ok(None);
    }
    let (mut form, mut made) = (form.to_vec(), rest.to_vec());
    let (mut at, mut arg) = (0_usize, 0_usize);
    while let Some(found) = form.get(at..).and_then(|rest| memchr::memchr(b'%', rest)) {
        at = at.saturating_add(found).saturating_add(1);
        while form.get(at).is_some_and(|byte| b"-+ #0123456789.".contains(byte)) {
            at = at.saturating_add(1);
        }
        let Some(letter) = form.get_mut(at) else { break };
        at = at.saturating_add(1);
        if *letter == b'%' {
            continue;
        }
        if let Some(value) = made.get_mut(arg) {
            let shown = match *letter {
                b'p' => Some(place(value).unwrap_or_else(|| "(null)".to_owned()).into_bytes()),
                b's' if shows_address(value) => text(value, value.to_string()?.as_bytes()),
                _ => None,
            };
            if let Some(shown) = shown {
                *letter = b's';
                *value = Value::String(lua.create_string(shown)?);
            }
        }
        arg = arg.saturating_add(1);
    }
    made.insert(0, Value::String(lua.create_string(form)?));
    Ok(Some(made))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str) -> String {
        let lua = Limited::pinned(16 << 20, Charge::default()).unwrap();
        lua.load(code).eval().unwrap()
    }

    #[test]
    fn keys_have_the_order_that_they_have_everywhere() {
        assert_eq!(check(), Ok(()));
    }

    /// Another state before or beside it makes no difference, nor does a thread.
    #[test]
    fn two_states_do_the_same() {
        let code = "
            local t = {}
            for i = 1, 2000 do t[{}], t[function() return i end] = i, ('x'):rep(i % 300) .. i end
            local weak, alive = setmetatable({}, { __mode = 'v' }), 0
            for i = 1, 3000 do weak[i] = { t } end
            for _ in next, weak do alive = alive + 1 end
            local all = {}
            for k, v in next, t do all[#all + 1] = tostring(k):sub(-8) .. v end
            return alive .. ' ' .. collectgarbage('count') .. table.concat(all)";
        let one = shown(code);
        let _other = Limited::pinned(16 << 20, Charge::default()).unwrap();
        assert_eq!(std::thread::spawn(move || shown(code)).join().unwrap(), one);
    }

    #[test]
    fn who_is_out_of_memory_is_told_so_and_goes_on() {
        let lua = Limited::pinned(4 << 20, Charge::default()).unwrap();
        let error = lua.load("local t = {} for i = 1, 1 << 30 do t[i] = { i } end").exec();
        assert!(error.unwrap_err().to_string().contains("not enough memory"));
        assert_eq!(lua.load("return #('x'):rep(1 << 20)").eval::<i64>().unwrap(), 1 << 20);
    }
}
