//! What happens, by the reference engine.

use wasmtime::{
    Config, Engine, Store, StoreContextMut,
    component::{
        Component, Func, Instance, Linker, Resource, ResourceAny, ResourceType, Val,
        types::ComponentItem,
    },
};
use wippy::value::{List, Resource as Handle, ResourceId, Scalar, Type, TypeDef, Value};

use super::{Class, Echo, End, Seen, text::INTERFACE, words};

/// The host's resource.
struct R;

/// An engine for components, with all that both have.
///
/// # Errors
///
/// If there is none for this machine.
pub fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .wasm_component_model_map(true)
        .wasm_component_model_fixed_length_lists(true)
        .wasm_component_model_memory64(true)
        .wasm_memory64(true)
        .wasm_multi_memory(true)
        .wasm_tail_call(true)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(wasmtime::OptLevel::None)
        .wasm_backtrace_max_frames(None)
        .parallel_compilation(false)
        .max_wasm_stack(4 << 20)
        .async_stack_size(8 << 20);
    Engine::new(&config)
}

/// Why it cannot be compared.
pub enum Refused {
    /// It is not loaded, or not linked.
    Load(String),
}

type Data = Vec<String>;

impl Echo {
    /// Runs it; and the functions that are exported.
    ///
    /// # Errors
    ///
    /// If it is refused.
    pub fn theirs(&self, engine: &Engine, bytes: &[u8]) -> Result<(Seen, Vec<String>), Refused> {
        let refused = |error: wasmtime::Error| Refused::Load(format!("{error:#}"));
        let component = Component::new(engine, bytes).map_err(refused)?;
        let exports = exports(engine, &component);
        let mut linker = Linker::<Data>::new(engine);
        self.offer(&mut linker).map_err(refused)?;
        let mut store = Store::new(engine, Data::new());
        let instance = linker.instantiate(&mut store, &component).map_err(refused)?;
        let func = self.find(&mut store, &instance).ok_or(Refused::Load("no echo".to_owned()))?;
        let called = self.call(&mut store, func);
        let end = match called {
            Ok(value) => End::Value(value.as_ref().map_or_else(String::new, words)),
            Err(error) => End::Trap(class(&error), format!("{error:#}")),
        };
        let heard = std::mem::take(store.data_mut());
        Ok((Seen { heard, end }, exports))
    }

    fn find(&self, store: &mut Store<Data>, instance: &Instance) -> Option<Func> {
        let parent = match self.interface {
            true => Some(instance.get_export_index(&mut *store, None, INTERFACE)?),
            false => None,
        };
        let index = instance.get_export_index(&mut *store, parent.as_ref(), "echo")?;
        instance.get_func(&mut *store, index)
    }

    fn call(&self, store: &mut Store<Data>, func: Func) -> wasmtime::Result<Option<Value>> {
        let types = self.params.iter().map(|id| Type::new(self.types.clone(), *id));
        let args = types.zip(&self.args).map(|(ty, value)| to_val(&ty, value, &mut *store));
        let args = args.collect::<wasmtime::Result<Vec<Val>>>()?;
        let mut results = vec![Val::Bool(false); usize::from(self.result.is_some())];
        func.call(&mut *store, &args, &mut results)?;
        let result = results.pop().zip(self.result);
        result
            .map(|(val, id)| from_val(&Type::new(self.types.clone(), id), val, &mut *store))
            .transpose()
    }

    fn offer(&self, linker: &mut Linker<Data>) -> wasmtime::Result<()> {
        let mut instance = linker.instance(INTERFACE)?;
        if self.resource.is_some() {
            instance.resource("r", ResourceType::host::<R>(), |mut store, rep| {
                store.data_mut().push(format!("drop {rep}"));
                Ok(())
            })?;
        }
        instance.func_new("poke", |mut store, _, _, _| {
            store.data_mut().push("poke()".to_owned());
            Ok(())
        })?;
        let (types, params) = (self.types.clone(), self.params.clone());
        let (result, answer) = (self.result, self.answer.clone());
        let echo = move |mut store: StoreContextMut<'_, Data>,
                         _,
                         args: &[Val],
                         results: &mut [Val]|
              -> wasmtime::Result<()> {
            let mut heard = Vec::new();
            for (id, val) in params.iter().zip(args) {
                let ty = Type::new(types.clone(), *id);
                heard.push(words(&from_val(&ty, val.clone(), &mut store)?));
            }
            store.data_mut().push(format!("echo({})", heard.join(", ")));
            if let (Some(to), Some(id), Some(answer)) = (results.first_mut(), result, &answer) {
                *to = to_val(&Type::new(types.clone(), id), answer, &mut store)?;
            }
            Ok(())
        };
        instance.func_new("echo", echo)
    }
}

/// A trap's class.
pub fn class(error: &wasmtime::Error) -> Class {
    use wasmtime::Trap;
    let Some(trap) = error.downcast_ref::<Trap>() else {
        // Where values are lifted and lowered by its host code, the words are all there is.
        return Class::Canonical;
    };
    let text = trap.to_string();
    let text = text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned();
    match trap {
        Trap::MemoryOutOfBounds
        | Trap::TableOutOfBounds
        | Trap::BadSignature
        | Trap::IntegerOverflow
        | Trap::IntegerDivisionByZero
        | Trap::BadConversionToInteger
        | Trap::UnreachableCodeReached => Class::Core(text),
        Trap::IndirectCallToNull => {
            Class::Core("uninitialized element: call to a null table entry".to_owned())
        }
        Trap::StackOverflow => Class::Other("Trap(Limit)".to_owned()),
        _ => Class::Canonical,
    }
}

fn to_val(
    ty: &Type,
    value: &Value,
    mut store: impl wasmtime::AsContextMut,
) -> wasmtime::Result<Val> {
    let mut store = store.as_context_mut();
    Ok(match (ty.def(), value) {
        (_, Value::Bool(v)) => Val::Bool(*v),
        (_, Value::S8(v)) => Val::S8(*v),
        (_, Value::U8(v)) => Val::U8(*v),
        (_, Value::S16(v)) => Val::S16(*v),
        (_, Value::U16(v)) => Val::U16(*v),
        (_, Value::S32(v)) => Val::S32(*v),
        (_, Value::U32(v)) => Val::U32(*v),
        (_, Value::S64(v)) => Val::S64(*v),
        (_, Value::U64(v)) => Val::U64(*v),
        (_, Value::F32(v)) => Val::Float32(*v),
        (_, Value::F64(v)) => Val::Float64(*v),
        (_, Value::Char(v)) => Val::Char(*v),
        (_, Value::String(v)) => Val::String(v.clone()),
        (TypeDef::List(id), Value::List(list)) => {
            Val::List(vals(&ty.child(*id), list.iter(), &mut store)?)
        }
        (TypeDef::FixedList(id, _), Value::List(list)) => {
            Val::FixedLengthList(vals(&ty.child(*id), list.iter(), &mut store)?)
        }
        (TypeDef::Map(key, of), Value::Map(entries)) => {
            let (key, of) = (ty.child(*key), ty.child(*of));
            let mut all = Vec::new();
            for (k, v) in entries {
                all.push((to_val(&key, k, &mut store)?, to_val(&of, v, &mut store)?));
            }
            Val::Map(all)
        }
        (TypeDef::Record(fields), Value::Record(values)) => {
            let mut all = Vec::new();
            for (field, value) in fields.iter().zip(values) {
                let val = to_val(&ty.child(field.ty), value, &mut store)?;
                all.push((field.name.to_string(), val));
            }
            Val::Record(all)
        }
        (TypeDef::Tuple(types), Value::Record(values)) => {
            let mut all = Vec::new();
            for (id, value) in types.iter().zip(values) {
                all.push(to_val(&ty.child(*id), value, &mut store)?);
            }
            Val::Tuple(all)
        }
        (TypeDef::Flags(labels), Value::Flags(bits)) => {
            let set = labels.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
            Val::Flags(set.map(|(_, label)| label.to_string()).collect())
        }
        (def, Value::Variant { case, payload }) => {
            let cases = def.cases();
            let named = cases.as_ref().and_then(|cases| cases.get(*case));
            let Some((name, of)) = named else { wasmtime::bail!("no such case") };
            let payload = match (payload, of) {
                (Some(value), Some(id)) => {
                    Some(Box::new(to_val(&ty.child(id), value, &mut store)?))
                }
                _ => None,
            };
            match (def, case) {
                (TypeDef::Enum(_), _) => Val::Enum(name.to_owned()),
                (TypeDef::Option(_), _) => Val::Option(payload),
                (TypeDef::Result { .. }, 0) => Val::Result(Ok(payload)),
                (TypeDef::Result { .. }, _) => Val::Result(Err(payload)),
                _ => Val::Variant(name.to_owned(), payload),
            }
        }
        (_, Value::Own(handle)) => {
            let own = Resource::<R>::new_own(handle.rep);
            Val::Resource(ResourceAny::try_from_resource(own, &mut store)?)
        }
        (_, Value::Borrow(handle)) => {
            // What is lent is an owned one here.
            let lent = Resource::<R>::new_own(handle.rep);
            Val::Resource(ResourceAny::try_from_resource(lent, &mut store)?)
        }
        (def, value) => wasmtime::bail!("{value:?} is no {def:?}"),
    })
}

fn vals(
    ty: &Type,
    values: impl Iterator<Item = Value>,
    mut store: impl wasmtime::AsContextMut,
) -> wasmtime::Result<Vec<Val>> {
    values.map(|value| to_val(ty, &value, &mut store)).collect()
}

fn from_val(
    ty: &Type,
    val: Val,
    mut store: impl wasmtime::AsContextMut,
) -> wasmtime::Result<Value> {
    let mut store = store.as_context_mut();
    let mut payload = |val: Option<Box<Val>>, case: u32| -> wasmtime::Result<Value> {
        let cases = ty.def().cases();
        let of = cases.as_ref().and_then(|cases| cases.get(case)).and_then(|(_, ty)| ty);
        let payload = match (val, of) {
            (Some(val), Some(id)) => Some(Box::new(from_val(&ty.child(id), *val, &mut store)?)),
            _ => None,
        };
        Ok(Value::Variant { case, payload })
    };
    let case = |name: &str| -> wasmtime::Result<u32> {
        let cases = ty.def().cases();
        let Some(cases) = cases else { wasmtime::bail!("{name} is no case") };
        let found = (0..cases.len() as u32).find(|at| cases.get(*at).is_some_and(|c| c.0 == name));
        found.ok_or_else(|| wasmtime::format_err!("no case {name}"))
    };
    Ok(match (ty.def(), val) {
        (_, Val::Bool(v)) => Value::Bool(v),
        (_, Val::S8(v)) => Value::S8(v),
        (_, Val::U8(v)) => Value::U8(v),
        (_, Val::S16(v)) => Value::S16(v),
        (_, Val::U16(v)) => Value::U16(v),
        (_, Val::S32(v)) => Value::S32(v),
        (_, Val::U32(v)) => Value::U32(v),
        (_, Val::S64(v)) => Value::S64(v),
        (_, Val::U64(v)) => Value::U64(v),
        (_, Val::Float32(v)) => Value::F32(v),
        (_, Val::Float64(v)) => Value::F64(v),
        (_, Val::Char(v)) => Value::Char(v),
        (_, Val::String(v)) => Value::String(v),
        (
            TypeDef::List(id) | TypeDef::FixedList(id, _),
            Val::List(all) | Val::FixedLengthList(all),
        ) => {
            let of = ty.child(*id);
            let mut values = Vec::new();
            for val in all {
                values.push(from_val(&of, val, &mut store)?);
            }
            Value::List(match Scalar::of(of.def()) {
                Some(scalar) => {
                    let mut run = Vec::new();
                    for value in &values {
                        scalar.write(value, &mut run);
                    }
                    List::Scalars(scalar, run)
                }
                None => List::Values(values),
            })
        }
        (TypeDef::Map(key, of), Val::Map(all)) => {
            let (key, of) = (ty.child(*key), ty.child(*of));
            let mut entries = Vec::new();
            for (k, v) in all {
                entries.push((from_val(&key, k, &mut store)?, from_val(&of, v, &mut store)?));
            }
            Value::Map(entries)
        }
        (TypeDef::Record(fields), Val::Record(all)) => {
            let mut values = Vec::new();
            for (field, (_, val)) in fields.iter().zip(all) {
                values.push(from_val(&ty.child(field.ty), val, &mut store)?);
            }
            Value::Record(values)
        }
        (TypeDef::Tuple(types), Val::Tuple(all)) => {
            let mut values = Vec::new();
            for (id, val) in types.iter().zip(all) {
                values.push(from_val(&ty.child(*id), val, &mut store)?);
            }
            Value::Record(values)
        }
        (TypeDef::Flags(labels), Val::Flags(set)) => {
            let bit = |(at, label): (usize, &Box<str>)| {
                u32::from(set.iter().any(|one| **one == **label)) << at
            };
            Value::Flags(labels.iter().enumerate().map(bit).sum())
        }
        (TypeDef::Variant(_), Val::Variant(name, val)) => payload(val, case(&name)?)?,
        (TypeDef::Enum(_), Val::Enum(name)) => payload(None, case(&name)?)?,
        (TypeDef::Option(_), Val::Option(val)) => {
            let case = u32::from(val.is_some());
            payload(val, case)?
        }
        (TypeDef::Result { .. }, Val::Result(Ok(val))) => payload(val, 0)?,
        (TypeDef::Result { .. }, Val::Result(Err(val))) => payload(val, 1)?,
        (_, Val::Resource(any)) => {
            let handle = any.try_into_resource::<R>(&mut store)?;
            let rep = Handle { ty: ResourceId(u32::MAX), rep: handle.rep() };
            if handle.owned() { Value::Own(rep) } else { Value::Borrow(rep) }
        }
        (def, val) => wasmtime::bail!("{val:?} is no {def:?}"),
    })
}

/// The functions that are exported, as we show ours, but for the types.
fn exports(engine: &Engine, component: &Component) -> Vec<String> {
    let mut names = Vec::new();
    for (name, item) in component.component_type().exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(func) => {
                names.push(format!("{name}/{}/{}", func.params().len(), func.results().len()));
            }
            ComponentItem::ComponentInstance(instance) => {
                for (inner, item) in instance.exports(engine) {
                    if let ComponentItem::ComponentFunc(func) = item.ty {
                        let (params, results) = (func.params().len(), func.results().len());
                        names.push(format!("{name}#{inner}/{params}/{results}"));
                    }
                }
            }
            _ => {}
        }
    }
    names.sort();
    names
}
