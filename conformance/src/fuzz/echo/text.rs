//! The components as text, and the WIT of what they import.

use std::fmt::Write;

use wippy::value::{Type, TypeDef, TypeId, Types};

use super::{
    Echo, Encoding, Mangle, Member, Post, Realloc,
    flat::{Core, signature},
};
use crate::fuzz::values::named;

/// The name of the interface.
pub const INTERFACE: &str = "demo:echo/it";

/// Where a guest has what does not fit into a result.
const RETURNED: u32 = 16;

/// Where the first bytes are that a guest gives away.
const FREE: u32 = 64 << 10;

/// Pages of each memory.
const PAGES: u32 = 8;

impl Echo {
    /// The WIT of the package that has the interface.
    pub fn wit(&self) -> String {
        let ty = |id: TypeId| Type::new(self.types.clone(), id);
        let mut text = "package demo:echo;\ninterface it {\n".to_owned();
        if self.resource.is_some() {
            text.push_str("  resource r;\n");
        }
        for (id, def) in self.types.iter() {
            let name = |id: &TypeId| named(&ty(*id), *id);
            let parts: Vec<String> = match def {
                TypeDef::Record(fields) => {
                    fields.iter().map(|f| format!("{}: {}", f.name, name(&f.ty))).collect()
                }
                TypeDef::Variant(cases) => {
                    let case = |case: &wippy::value::Case| match &case.ty {
                        Some(ty) => format!("{}({})", case.name, name(ty)),
                        None => case.name.to_string(),
                    };
                    cases.iter().map(case).collect()
                }
                TypeDef::Enum(labels) | TypeDef::Flags(labels) => {
                    labels.iter().map(ToString::to_string).collect()
                }
                _ => continue,
            };
            let word = word(def);
            writeln!(text, "  {word} {} {{ {} }}", name(&id), parts.join(", ")).expect("it grows");
        }
        let params = self.named_params();
        let params: Vec<String> =
            params.iter().map(|p| format!("{}: {}", p.name, named(&ty(p.ty), p.ty))).collect();
        let result = self.result.map(|id| format!(" -> {}", named(&ty(id), id)));
        let (params, result) = (params.join(", "), result.unwrap_or_default());
        writeln!(text, "  echo: func({params}){result};\n  poke: func();\n}}").expect("it grows");
        text
    }

    /// The component that is called.
    pub fn text(&self) -> String {
        let [member] = self.members.as_slice() else { return self.composed() };
        format!("(component\n{})\n", self.member(member, self.interface))
    }

    fn composed(&self) -> String {
        let mut text = "(component\n".to_owned();
        text += &self.import();
        for (at, member) in self.members.iter().enumerate() {
            write!(text, "(component $m{at}\n{})\n", self.member(member, false)).expect("it grows");
            let from = match at.checked_sub(1) {
                None => "(instance $it)".to_owned(),
                Some(before) => {
                    let exports = self.exports();
                    format!(
                        "(instance {exports} (export \"poke\" (func $it \"poke\"))\n    \
                         (export \"echo\" (func $i{before} \"echo\")))"
                    )
                }
            };
            let from = match at {
                0 => from,
                _ => {
                    let made = from.replacen("(instance", &format!("(instance $x{at}"), 1);
                    text += &made;
                    text.push('\n');
                    format!("(instance $x{at})")
                }
            };
            writeln!(text, "(instance $i{at} (instantiate $m{at} (with \"{INTERFACE}\" {from})))")
                .expect("it grows");
        }
        let last = self.members.len() - 1;
        text += &match self.interface {
            true => format!(
                "(instance $all {} (export \"echo\" (func $i{last} \"echo\")))\n\
                 (export \"{INTERFACE}\" (instance $all))\n",
                self.exports()
            ),
            false => format!("(export \"echo\" (func $i{last} \"echo\"))\n"),
        };
        text + ")\n"
    }

    /// The named types, as exports of an instance.
    fn exports(&self) -> String {
        let mut text = String::new();
        for (id, def) in self.types.iter() {
            if is_named(def) {
                let at = id.index();
                write!(text, "(export \"t{at}\" (type $t{at})) ").expect("it grows");
            }
        }
        if self.resource.is_some() {
            text += "(export \"r\" (type $r))";
        }
        text
    }

    /// The import, and its types.
    fn import(&self) -> String {
        let mut text = format!("(import \"{INTERFACE}\" (instance $it\n");
        if self.resource.is_some() {
            text += "  (export \"r\" (type $r (sub resource)))\n";
        }
        for (id, def) in self.types.iter() {
            if is_named(def) {
                let at = id.index();
                let spelled = spelled(&self.types, def);
                writeln!(
                    text,
                    "  (type $d{at} {spelled}) (export \"t{at}\" (type $t{at} (eq $d{at})))"
                )
                .expect("it grows");
            }
        }
        writeln!(text, "  (export \"echo\" (func {}))", self.func()).expect("it grows");
        text += "  (export \"poke\" (func))))\n";
        if self.resource.is_some() {
            text += "(alias export $it \"r\" (type $r))\n";
        }
        for (id, def) in self.types.iter() {
            if is_named(def) {
                let at = id.index();
                writeln!(text, "(alias export $it \"t{at}\" (type $t{at}))").expect("it grows");
            }
        }
        text
    }

    fn func(&self) -> String {
        let param = |field: &wippy::value::Field| {
            format!("(param \"{}\" {})", field.name, by_name(&self.types, field.ty))
        };
        let params: Vec<String> = self.named_params().iter().map(param).collect();
        let result = self.result.map(|ty| format!(" (result {})", by_name(&self.types, ty)));
        params.join(" ") + &result.unwrap_or_default()
    }

    /// One of the components, without its brackets.
    fn member(&self, member: &Member, interface: bool) -> String {
        let pointer = if member.wide { Core::I64 } else { Core::I32 };
        let p = pointer.name();
        let import = signature(&self.types, &self.params, self.result, pointer, true);
        let export = signature(&self.types, &self.params, self.result, pointer, false);
        let of = |core: &[Core]| core.iter().map(|core| core.name()).collect::<Vec<_>>().join(" ");
        let result = |core: Option<Core>| {
            core.map(|core| format!(" (result {})", core.name())).unwrap_or_default()
        };
        let (limits, lower, lift) = (
            format!("{} {PAGES} 2000", if member.wide { "i64" } else { "" }),
            member.lower.option(),
            member.lift.option(),
        );
        let mut text = self.import();
        let drop = match (self.resource.is_some(), member.drops.is_empty()) {
            (true, false) => "(core func $drop (canon resource.drop $r))\n",
            _ => "",
        };
        text += "(core func $poke (canon lower (func $it \"poke\")))\n";
        text += drop;
        write!(
            text,
            "(core module $memory
  (import \"h\" \"poke\" (func $poke))
  (memory (export \"m\") {limits})
  (global $free (mut {p}) ({p}.const {FREE}))
  (func (export \"realloc\") (param $old {p}) (param $size {p}) (param $align {p}) (param $new {p})
    (result {p}) (local $at {p})
    {}))
(core instance $memory (instantiate $memory
  (with \"h\" (instance (export \"poke\" (func $poke))))))
(core func $echo (canon lower (func $it \"echo\") (memory (core memory $memory \"m\"))
  (realloc (core func $memory \"realloc\")) {lower}))
",
            member.realloc.body(p),
        )
        .expect("it grows");
        let post = match member.post {
            Post::Nothing => None,
            Post::Return => Some(""),
            Post::Traps => Some("unreachable"),
            Post::CallsOut => Some("call $poke"),
        };
        let post_param =
            export.result.map(|core| format!("(param {})", core.name())).unwrap_or_default();
        let post_function =
            post.map(|body| format!("(func (export \"post\") {post_param} {body})\n  "));
        let import_drop = match drop {
            "" => "",
            _ => "(import \"h\" \"drop\" (func $drop (param i32)))",
        };
        let give_drop = if drop.is_empty() { "" } else { "(export \"drop\" (func $drop))" };
        write!(
            text,
            "(core module $main
  (import \"h\" \"echo\" (func $echo (param {}){}))
  (import \"h\" \"poke\" (func $poke))
  {import_drop}
  (import \"m\" \"m\" (memory {limits}))
  {}(func (export \"echo\") (param {}){}
{}))
(core instance $main (instantiate $main (with \"m\" (instance $memory))
  (with \"h\" (instance (export \"echo\" (func $echo)) (export \"poke\" (func $poke)) {give_drop}))))
(func $out {} (canon lift (core func $main \"echo\") (memory (core memory $memory \"m\"))
  (realloc (core func $memory \"realloc\")) {lift}{}))
",
            of(&import.params),
            result(import.result),
            post_function.unwrap_or_default(),
            of(&export.params),
            result(export.result),
            self.body(member, pointer),
            self.func(),
            if post.is_some() { " (post-return (core func $main \"post\"))" } else { "" },
        )
        .expect("it grows");
        text += &match interface {
            true => format!(
                "(instance $all {} (export \"echo\" (func $out)))\n\
                 (export \"{INTERFACE}\" (instance $all))\n",
                self.exports()
            ),
            false => "(export \"echo\" (func $out))\n".to_owned(),
        };
        text
    }

    /// The instructions of the function that hands on.
    fn body(&self, member: &Member, pointer: Core) -> String {
        let p = pointer.name();
        let import = signature(&self.types, &self.params, self.result, pointer, true);
        let export = signature(&self.types, &self.params, self.result, pointer, false);
        let mut text = String::new();
        let line =
            |text: &mut String, line: String| writeln!(text, "    {line}").expect("it grows");
        for handle in &member.drops {
            if self.resource.is_some() {
                line(&mut text, format!("(call $drop (i32.const {handle}))"));
            }
        }
        if member.poke {
            line(&mut text, "(call $poke)".to_owned());
        }
        for mangle in &member.mangles {
            if let (Mangle::Spilled(at, bits), true) = (mangle, export.spilled) {
                let at = at % 64;
                line(
                    &mut text,
                    format!("(i32.store offset={at} (local.get 0) (i32.const {}))", *bits as i32),
                );
            }
        }
        for (at, core) in export.params.iter().enumerate() {
            let changed = member.mangles.iter().find_map(|mangle| match mangle {
                Mangle::Param(which, bits) if *which as usize % export.params.len() == at => {
                    Some(*bits)
                }
                _ => None,
            });
            line(
                &mut text,
                match changed {
                    Some(bits) => constant(*core, bits),
                    None => format!("(local.get {at})"),
                },
            );
        }
        if import.returned {
            line(&mut text, format!("({p}.const {RETURNED})"));
        }
        line(&mut text, "(call $echo)".to_owned());
        let other = member.mangles.iter().find_map(|mangle| match mangle {
            Mangle::Result(bits) => Some(*bits),
            _ => None,
        });
        if export.returned {
            for mangle in &member.mangles {
                if let Mangle::Returned(at, bits) = mangle {
                    let at = RETURNED + at % 64;
                    line(
                        &mut text,
                        format!("(i32.store ({p}.const {at}) (i32.const {}))", *bits as i32),
                    );
                }
            }
            line(&mut text, constant(pointer, other.unwrap_or(RETURNED.into())));
        } else if let (Some(core), Some(bits)) = (export.result, other) {
            line(&mut text, format!("drop {}", constant(core, bits)));
        }
        text
    }
}

fn constant(core: Core, bits: u64) -> String {
    match core {
        Core::I32 => format!("(i32.const {})", bits as i32),
        Core::I64 => format!("(i64.const {})", bits as i64),
        Core::F32 => format!("(f32.reinterpret_i32 (i32.const {}))", bits as i32),
        Core::F64 => format!("(f64.reinterpret_i64 (i64.const {}))", bits as i64),
    }
}

impl Encoding {
    fn option(self) -> &'static str {
        match self {
            Encoding::Utf8 => "string-encoding=utf8",
            Encoding::Utf16 => "string-encoding=utf16",
            Encoding::Latin1 => "string-encoding=latin1+utf16",
        }
    }
}

impl Realloc {
    fn body(self, p: &str) -> String {
        let right = format!(
            "(if ({p}.gt_u (local.get $size) ({p}.const 0)) (then
      (if ({p}.le_u (local.get $new) (local.get $size)) (then (return (local.get $old))))))
    (local.set $at ({p}.and
      ({p}.add (global.get $free) ({p}.sub (local.get $align) ({p}.const 1)))
      ({p}.sub ({p}.const 0) (local.get $align))))
    (global.set $free ({p}.add (local.get $at) (local.get $new)))
    (memory.copy (local.get $at) (local.get $old) (local.get $size))
    (local.get $at)"
        );
        match self {
            Realloc::Right => right,
            Realloc::Grows => format!(
                "(global.set $free ({p}.mul ({p}.const 65536) (memory.grow
      ({p}.add ({p}.const 1) ({p}.shr_u (local.get $new) ({p}.const 16))))))
    {right}"
            ),
            Realloc::Unaligned => format!("{right} ({p}.const 1) {p}.or"),
            Realloc::Outside => format!("({p}.const {})", PAGES * 65_536 - 8),
            Realloc::Traps => "unreachable".to_owned(),
            Realloc::CallsOut => format!("(call $poke) {right}"),
        }
    }
}

fn is_named(def: &TypeDef) -> bool {
    matches!(def, TypeDef::Record(_) | TypeDef::Variant(_) | TypeDef::Enum(_) | TypeDef::Flags(_))
}

fn word(def: &TypeDef) -> &'static str {
    match def {
        TypeDef::Record(_) => "record",
        TypeDef::Variant(_) => "variant",
        TypeDef::Enum(_) => "enum",
        _ => "flags",
    }
}

/// A type, by its name if it has one.
fn by_name(types: &Types, id: TypeId) -> String {
    match types.get(id) {
        def if is_named(def) => format!("$t{}", id.index()),
        def => spelled(types, def),
    }
}

fn spelled(types: &Types, def: &TypeDef) -> String {
    let name = |id: &TypeId| by_name(types, *id);
    let labels = |labels: &[Box<str>]| {
        labels.iter().map(|label| format!("\"{label}\"")).collect::<Vec<_>>().join(" ")
    };
    match def {
        TypeDef::List(of) => format!("(list {})", name(of)),
        TypeDef::FixedList(of, length) => format!("(list {} {length})", name(of)),
        TypeDef::Map(key, value) => format!("(map {} {})", name(key), name(value)),
        TypeDef::Record(fields) => {
            let field = |field: &wippy::value::Field| {
                format!("(field \"{}\" {})", field.name, name(&field.ty))
            };
            format!("(record {})", fields.iter().map(field).collect::<Vec<_>>().join(" "))
        }
        TypeDef::Tuple(of) => {
            format!("(tuple {})", of.iter().map(name).collect::<Vec<_>>().join(" "))
        }
        TypeDef::Variant(cases) => {
            let case = |case: &wippy::value::Case| match &case.ty {
                Some(ty) => format!("(case \"{}\" {})", case.name, name(ty)),
                None => format!("(case \"{}\")", case.name),
            };
            format!("(variant {})", cases.iter().map(case).collect::<Vec<_>>().join(" "))
        }
        TypeDef::Enum(of) => format!("(enum {})", labels(of)),
        TypeDef::Flags(of) => format!("(flags {})", labels(of)),
        TypeDef::Option(of) => format!("(option {})", name(of)),
        TypeDef::Result { ok, err } => {
            let ok = ok.as_ref().map(|ty| format!(" {}", name(ty))).unwrap_or_default();
            let err = err.as_ref().map(|ty| format!(" (error {})", name(ty))).unwrap_or_default();
            format!("(result{ok}{err})")
        }
        TypeDef::Own(_) => "(own $r)".to_owned(),
        TypeDef::Borrow(_) => "(borrow $r)".to_owned(),
        TypeDef::Bool
        | TypeDef::S8
        | TypeDef::U8
        | TypeDef::S16
        | TypeDef::U16
        | TypeDef::S32
        | TypeDef::U32
        | TypeDef::S64
        | TypeDef::U64
        | TypeDef::F32
        | TypeDef::F64
        | TypeDef::Char
        | TypeDef::String
        | TypeDef::Async(_) => {
            // In WIT as in text.
            let mut own = Types::default();
            let id = own.intern(def.clone());
            own.display(id).to_string()
        }
    }
}
