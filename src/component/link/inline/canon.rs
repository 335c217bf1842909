//! Canonical definitions: from component functions to core functions and back.

use wasmparser::{CanonicalFunction, CanonicalOption, component_types::ComponentAnyTypeId};

use super::{
    Failure, Linking,
    frame::{FuncItem, Instantiation, at, next},
};
use crate::{
    component::{
        abi::{CoreType, Encoding, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS},
        error::LoadError,
        link::{
            plan::{CanonOptions, CoreRef, Lifted, Op, Signature, Trampoline, TrampolineKind},
            typing,
        },
    },
    value::{FuncType, TypeId},
};

impl Linking<'_> {
    fn options(
        &mut self,
        frame: &Instantiation,
        options: &[CanonicalOption],
    ) -> Result<(u32, Option<u32>, bool), LoadError> {
        let mut canon = CanonOptions {
            instance: frame.instance,
            memory: None,
            realloc: None,
            encoding: Encoding::Utf8,
            ptr64: false,
        };
        let (mut post_return, mut is_async) = (None, false);
        for option in options {
            match option {
                CanonicalOption::UTF8 => canon.encoding = Encoding::Utf8,
                CanonicalOption::UTF16 => canon.encoding = Encoding::Utf16,
                CanonicalOption::CompactUTF16 => canon.encoding = Encoding::Compact,
                CanonicalOption::Memory(index) => {
                    canon.ptr64 = frame.def.types.as_ref().memory_at(*index).memory64;
                    let memory = at(&frame.core_memories, *index)?.clone();
                    self.plan.ops.push(Op::Memory(memory));
                    canon.memory = Some(self.memories);
                    self.memories += 1;
                }
                CanonicalOption::Realloc(index) => {
                    canon.realloc = Some(self.func(at(&frame.core_funcs, *index)?.clone()));
                }
                CanonicalOption::PostReturn(index) => {
                    post_return = Some(self.func(at(&frame.core_funcs, *index)?.clone()));
                }
                CanonicalOption::Async | CanonicalOption::Callback(_) => is_async = true,
                CanonicalOption::CoreType(_) | CanonicalOption::Gc => {
                    return Err(LoadError::new("the GC canonical ABI is not supported"));
                }
            }
        }
        self.plan.options.push(canon);
        Ok((next(&self.plan.options) - 1, post_return, is_async))
    }

    fn signature(
        &mut self,
        ty: &FuncType,
        ptr64: bool,
    ) -> (Signature, Vec<CoreType>, Vec<CoreType>) {
        self.layouts.update(&self.types);
        let pointer = if ptr64 { CoreType::I64 } else { CoreType::I32 };
        let params: Box<[TypeId]> = ty.params.iter().map(|param| param.ty).collect();
        let flat_params = self.layouts.tuple(&params, ptr64).flat;
        let spill_params = flat_params.as_ref().is_none_or(|flat| flat.len() > MAX_FLAT_PARAMS);
        let mut core_params =
            if spill_params { vec![pointer] } else { flat_params.unwrap_or_default().into() };
        let mut core_results = Vec::new();
        let mut spill_result = false;
        if let Some(result) = ty.result {
            let layout = self.layouts.get(result, ptr64);
            match &layout.flat {
                Some(flat) if flat.len() <= MAX_FLAT_RESULTS => core_results = flat.to_vec(),
                _ => spill_result = true,
            }
        }
        if spill_result {
            // As `canon lower` has it: the caller passes the address.
            core_params.push(pointer);
        }
        let signature = Signature { params, result: ty.result, spill_params, spill_result };
        (signature, core_params, core_results)
    }

    pub(super) fn canon(
        &mut self,
        frame: &mut Instantiation,
        canon: &CanonicalFunction,
    ) -> Result<(), Failure> {
        use CoreType::{I32, I64};
        let parsed = &frame.def.clone().types;
        let resource = |frame: &Instantiation, index: u32| {
            frame
                .def
                .resource_at(index)
                .and_then(|id| frame.env.resources.get(&id).copied())
                .ok_or_else(|| LoadError::new("a built-in for an unknown resource"))
        };
        let (kind, params, results) = match canon {
            CanonicalFunction::Lift { core_func_index, type_index, options } => {
                let ComponentAnyTypeId::Func(id) =
                    parsed.as_ref().component_any_type_at(*type_index)
                else {
                    return Err(LoadError::new("`canon lift` without a function type").into());
                };
                let ty = typing::func(&mut self.types, parsed, &mut frame.env, id)?;
                let callee = self.func(at(&frame.core_funcs, *core_func_index)?.clone());
                let (options, post_return, is_async) = self.options(frame, options)?;
                let ptr64 = at(&self.plan.options, options)?.ptr64;
                let (signature, ..) = self.signature(&ty, ptr64);
                frame.funcs.push(FuncItem::Lifted(next(&self.plan.lifted)));
                let name = "function".into();
                self.plan.lifted.push(Lifted {
                    callee,
                    post_return,
                    signature,
                    options,
                    is_async,
                    name,
                });
                return Ok(());
            }
            CanonicalFunction::Lower { func_index, options } => {
                let id = parsed.as_ref().component_function_at(*func_index);
                let ty = typing::func(&mut self.types, parsed, &mut frame.env, id)?;
                let (options, _, is_async) = self.options(frame, options)?;
                let ptr64 = at(&self.plan.options, options)?.ptr64;
                let (signature, params, results) = self.signature(&ty, ptr64);
                if is_async {
                    let core = parsed.as_ref().core_function_at(next(&frame.core_funcs));
                    return Ok(self.unsupported(frame, "an asynchronous import", core)?);
                }
                let kind = match *at(&frame.funcs, *func_index)? {
                    FuncItem::Lifted(lifted) => {
                        TrampolineKind::Guest { lifted, signature, options }
                    }
                    FuncItem::Host(host) => TrampolineKind::Host { host, signature, options },
                };
                (kind, params, results)
            }
            CanonicalFunction::ResourceNew { resource: index } => {
                (TrampolineKind::ResourceNew(resource(frame, *index)?), vec![I32], vec![I32])
            }
            CanonicalFunction::ResourceRep { resource: index } => {
                (TrampolineKind::ResourceRep(resource(frame, *index)?), vec![I32], vec![I32])
            }
            CanonicalFunction::ResourceDrop { resource: index } => {
                (TrampolineKind::ResourceDrop(resource(frame, *index)?), vec![I32], vec![])
            }
            CanonicalFunction::ContextGet { ty, slot } => {
                let ptr64 = *ty == wasmparser::ValType::I64;
                let kind = TrampolineKind::ContextGet { slot: *slot };
                (kind, vec![], vec![if ptr64 { I64 } else { I32 }])
            }
            CanonicalFunction::ContextSet { ty, slot } => {
                let ptr64 = *ty == wasmparser::ValType::I64;
                let kind = TrampolineKind::ContextSet { slot: *slot };
                (kind, vec![if ptr64 { I64 } else { I32 }], vec![])
            }
            CanonicalFunction::BackpressureInc => {
                (TrampolineKind::Backpressure { more: true }, vec![], vec![])
            }
            CanonicalFunction::BackpressureDec => {
                (TrampolineKind::Backpressure { more: false }, vec![], vec![])
            }
            _ => {
                let core = parsed.as_ref().core_function_at(next(&frame.core_funcs));
                return Ok(self.unsupported(frame, "an asynchronous built-in", core)?);
            }
        };
        self.trampoline(frame, kind, params, results);
        Ok(())
    }

    fn trampoline(
        &mut self,
        frame: &mut Instantiation,
        kind: TrampolineKind,
        params: Vec<CoreType>,
        results: Vec<CoreType>,
    ) {
        frame.core_funcs.push(CoreRef::Trampoline(next(&self.plan.trampolines)));
        self.plan.trampolines.push(Trampoline {
            params: params.into(),
            results: results.into(),
            instance: frame.instance,
            kind,
        });
    }

    /// A function of the asynchronous ABI: it links, and traps when called.
    fn unsupported(
        &mut self,
        frame: &mut Instantiation,
        what: &'static str,
        ty: wasmparser::types::CoreTypeId,
    ) -> Result<(), LoadError> {
        let convert = |types: &[wasmparser::ValType]| {
            types
                .iter()
                .map(|ty| match ty {
                    wasmparser::ValType::I32 => Ok(CoreType::I32),
                    wasmparser::ValType::I64 => Ok(CoreType::I64),
                    wasmparser::ValType::F32 => Ok(CoreType::F32),
                    wasmparser::ValType::F64 => Ok(CoreType::F64),
                    _ => Err(LoadError::new("a built-in with a reference type")),
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let def = frame.def.clone();
        let ty = def
            .types
            .as_ref()
            .get(ty)
            .map(|sub| &sub.composite_type.inner)
            .and_then(|inner| match inner {
                wasmparser::CompositeInnerType::Func(func) => Some(func),
                _ => None,
            })
            .ok_or_else(|| LoadError::new("a built-in without a function type"))?;
        let (params, results) = (convert(ty.params())?, convert(ty.results())?);
        self.trampoline(frame, TrampolineKind::Unsupported(what), params, results);
        Ok(())
    }
}
