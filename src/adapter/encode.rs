//! Writes the component that a [`Plan`] describes.
//!
//! In order: the imports of the component; the shim, if an import needs the
//! module's memory; the module itself, instantiated with what it imports; the
//! fixup; the call of the initializer; and the exports, lifted from the module's
//! functions with its `memory`, `cabi_realloc` and `cabi_post_*`.
#![expect(
    clippy::indexing_slicing,
    reason = "ids of the arenas of one `Resolve`, which it has made"
)]

use super::{
    CoreImport, CoreImportSource,
    abi::FuncAbi,
    error::AdaptError,
    names::Unique,
    plan::{Lifted, Plan, PlannedExport, PlannedImport, Source, key_name},
    shim,
    types::{Imported, Root, Shape, TypeSpace, internal},
};
use std::collections::{BTreeMap, HashMap, HashSet};
use wasm_encoder::{
    Alias, CanonicalOption, ComponentBuilder, ComponentExportKind, ComponentTypeRef,
    ComponentValType, ExportKind, InstanceType, ModuleArg, PrimitiveValType,
};
use wasmparser::{FuncType, ValType};
use wit_parser::{InterfaceId, LiveTypes, Type, TypeId, TypeOwner, WorldItem};

/// The component for `plan` around the core module `module`, and where its core
/// imports went.
pub(super) fn encode(
    plan: &Plan<'_>,
    module: &[u8],
) -> Result<(Vec<u8>, Vec<CoreImport>), AdaptError> {
    let mut writer = Writer {
        plan,
        root: Root {
            resolve: plan.resolve,
            component: ComponentBuilder::default(),
            written: HashMap::new(),
            imported: HashMap::new(),
            exported: HashMap::new(),
            current: None,
        },
        funcs: HashMap::new(),
        main: 0,
        memory: None,
        realloc: None,
    };
    writer.imports()?;
    let core_imports = writer.modules(module)?;
    for export in &plan.exports {
        writer.export(export)?;
    }
    Ok((writer.root.component.finish(), core_imports))
}

struct Writer<'p, 'a> {
    plan: &'p Plan<'a>,
    root: Root<'a>,
    /// Functions that the world imports by themselves.
    funcs: HashMap<&'a str, u32>,
    /// The core instance of the module.
    main: u32,
    memory: Option<u32>,
    realloc: Option<u32>,
}

/// A core function that satisfies an import, or will.
enum Ready {
    Now(u32),
    /// Only with the module's memory: the component function to lower.
    Later {
        func: u32,
    },
    Trap,
}

impl<'a> Writer<'_, 'a> {
    /// Imports what the module uses of what the world imports.
    fn imports(&mut self) -> Result<(), AdaptError> {
        let resolve = self.plan.resolve;
        let world = &resolve.worlds[self.plan.world];
        let mut live = LiveTypes::default();
        let mut used: HashMap<InterfaceId, HashSet<&str>> = HashMap::new();
        let mut used_funcs: HashSet<&str> = HashSet::new();
        for import in &self.plan.imports {
            match &import.source {
                Source::Wit { interface, func, .. } => {
                    live.add_func(resolve, func);
                    match interface {
                        Some(id) => {
                            used.entry(*id).or_default().insert(&func.name);
                        }
                        None => {
                            used_funcs.insert(&func.name);
                        }
                    }
                }
                Source::Drop { resource } => live.add_type_id(resolve, *resource),
                Source::Scalar | Source::Trap { .. } => {}
            }
        }
        for export in &self.plan.exports {
            match export {
                PlannedExport::Func { lifted, .. } => live.add_func(resolve, lifted.func),
                PlannedExport::Interface { id, .. } => live.add_interface(resolve, *id),
            }
        }
        let mut types: HashMap<InterfaceId, Vec<TypeId>> = HashMap::new();
        for id in live.iter() {
            if let TypeOwner::Interface(owner) = resolve.types[id].owner {
                types.entry(owner).or_default().push(id);
            }
        }
        for (key, item) in &world.imports {
            let WorldItem::Interface { id, .. } = item else { continue };
            let name = key_name(resolve, key);
            let funcs = used.remove(id).unwrap_or_default();
            let types = types.get(id).map(Vec::as_slice).unwrap_or_default();
            if !funcs.is_empty() || !types.is_empty() {
                self.import_interface(*id, &name, &funcs, types)?;
            }
        }
        for item in world.imports.values() {
            if let WorldItem::Function(func) = item
                && used_funcs.contains(func.name.as_str())
            {
                let ty = self.root.func_type(func)?;
                let index =
                    self.root.component.import(func.name.as_str(), ComponentTypeRef::Func(ty));
                self.funcs.insert(&func.name, index);
            }
        }
        Ok(())
    }

    fn import_interface(
        &mut self,
        interface: InterfaceId,
        name: &str,
        funcs: &HashSet<&str>,
        types: &[TypeId],
    ) -> Result<(), AdaptError> {
        if self.root.imported.contains_key(&interface) {
            return Err(internal("one interface under two names"));
        }
        let mut space = Imported {
            root: &mut self.root,
            interface,
            written: HashMap::new(),
            ty: InstanceType::new(),
        };
        for id in types {
            space.value_type(&Type::Id(*id))?;
        }
        for (name, func) in &self.plan.resolve.interfaces[interface].functions {
            if funcs.contains(name.as_str()) {
                let ty = space.func_type(func)?;
                space.ty.export(name.as_str(), ComponentTypeRef::Func(ty));
            }
        }
        let ty = space.ty;
        let ty = self.root.component.type_instance(None, &ty);
        let instance = self.root.component.import(name, ComponentTypeRef::Instance(ty));
        self.root.imported.insert(interface, instance);
        Ok(())
    }

    /// Instantiates the module with what it imports.
    fn modules(&mut self, module: &[u8]) -> Result<Vec<CoreImport>, AdaptError> {
        let plan = self.plan;
        let (scalars, core_imports) = self.import_scalars();
        let mut ready = Vec::with_capacity(plan.imports.len());
        for (import, scalar) in plan.imports.iter().zip(scalars) {
            ready.push(self.lower_early(import, scalar)?);
        }
        let pick = |wanted: fn(&Ready) -> bool| -> Vec<(usize, &FuncType)> {
            let both = ready.iter().zip(&plan.imports).enumerate();
            both.filter(|(_, (r, _))| wanted(r)).map(|(i, (_, import))| (i, import.ty)).collect()
        };
        let late = pick(|r| matches!(r, Ready::Later { .. }));
        let traps = pick(|r| matches!(r, Ready::Trap));
        let types = |list: &[(usize, &'a FuncType)]| list.iter().map(|(_, ty)| *ty).collect();
        let late_types: Vec<&FuncType> = types(&late);
        let trap_types: Vec<&FuncType> = types(&traps);

        // Slots of the shim and of the trap module, by import.
        let mut slots: HashMap<usize, u32> = HashMap::new();
        let mut shim_instance = None;
        if !late.is_empty() {
            let shim = self.root.component.core_module(None, &shim::shim(&late_types)?);
            shim_instance = Some(self.instantiate_plain(shim, &late, &mut slots));
        }
        if !traps.is_empty() {
            let trap = self.root.component.core_module(None, &shim::trap(&trap_types)?);
            self.instantiate_plain(trap, &traps, &mut slots);
        }

        let mut by_module: BTreeMap<&str, Vec<(&str, ExportKind, u32)>> = BTreeMap::new();
        for (i, (import, ready)) in plan.imports.iter().zip(&ready).enumerate() {
            let func = match ready {
                Ready::Now(func) => *func,
                Ready::Later { .. } | Ready::Trap => {
                    *slots.get(&i).ok_or_else(|| internal("an import without a slot"))?
                }
            };
            let names = [import.name].into_iter().chain(import.aliases.iter().copied());
            let given = by_module.entry(import.module).or_default();
            given.extend(names.map(|name| (name, ExportKind::Func, func)));
        }
        let component = &mut self.root.component;
        let mut args = Vec::with_capacity(by_module.len());
        for (name, funcs) in by_module {
            let instance = component.core_instantiate_exports(None, funcs);
            args.push((name, ModuleArg::Instance(instance)));
        }
        let main = component.core_module_raw(None, module);
        self.main = component.core_instantiate(None, main, args);

        if let Some(shim) = shim_instance {
            self.fill_shim(shim, &late, &late_types, &ready)?;
        }
        if let Some(initialize) = self.plan.initialize {
            let component = &mut self.root.component;
            let func = component.core_alias_export(None, self.main, initialize, ExportKind::Func);
            let arg = component.core_instantiate_exports(None, [("", ExportKind::Func, func)]);
            let start = component.core_module(None, &shim::start());
            component.core_instantiate(None, start, [("", ModuleArg::Instance(arg))]);
        }
        Ok(core_imports)
    }

    /// Instantiates a module without imports and takes its slots out.
    fn instantiate_plain(
        &mut self,
        module: u32,
        functions: &[(usize, &FuncType)],
        slots: &mut HashMap<usize, u32>,
    ) -> u32 {
        let component = &mut self.root.component;
        let instance = component.core_instantiate(None, module, []);
        for (slot, (import, _)) in functions.iter().enumerate() {
            let name = shim::slot(slot);
            let func = component.core_alias_export(None, instance, &name, ExportKind::Func);
            slots.insert(*import, func);
        }
        instance
    }

    fn fill_shim(
        &mut self,
        shim: u32,
        late: &[(usize, &FuncType)],
        types: &[&FuncType],
        ready: &[Ready],
    ) -> Result<(), AdaptError> {
        let mut items = Vec::with_capacity(late.len());
        for (slot, (i, _)) in late.iter().enumerate() {
            let (Some(Ready::Later { func }), Some(import)) =
                (ready.get(*i), self.plan.imports.get(*i))
            else {
                return Err(internal("an import that changed its mind"));
            };
            let Source::Wit { abi, .. } = &import.source else {
                return Err(internal("an import that changed its mind"));
            };
            let options = self.options(abi);
            let lowered = self.root.component.lower_func(None, *func, options);
            items.push((shim::slot(slot), lowered));
        }
        let component = &mut self.root.component;
        let table = component.core_alias_export(None, shim, shim::TABLE, ExportKind::Table);
        let mut exports: Vec<_> =
            items.iter().map(|(name, func)| (name.as_str(), ExportKind::Func, *func)).collect();
        exports.push((shim::TABLE, ExportKind::Table, table));
        let arg = component.core_instantiate_exports(None, exports);
        let fixup = component.core_module(None, &shim::fixup(types)?);
        component.core_instantiate(None, fixup, [("", ModuleArg::Instance(arg))]);
        Ok(())
    }

    /// Lowers an import as far as that is possible before the module exists.
    fn lower_early(
        &mut self,
        import: &PlannedImport<'a>,
        scalar: Option<u32>,
    ) -> Result<Ready, AdaptError> {
        let func = match &import.source {
            Source::Trap { .. } => return Ok(Ready::Trap),
            Source::Scalar => scalar.ok_or_else(|| internal("an import without a function"))?,
            Source::Drop { resource } => {
                let index = self.root.type_index(*resource)?;
                return Ok(Ready::Now(self.root.component.resource_drop(index)));
            }
            Source::Wit { interface, func, abi } => {
                let index = match interface {
                    Some(id) => {
                        let instance = self.root.imported.get(id).copied();
                        let instance =
                            instance.ok_or_else(|| internal("an interface not imported"))?;
                        self.root.component.alias_export(
                            instance,
                            &func.name,
                            ComponentExportKind::Func,
                        )
                    }
                    None => *self
                        .funcs
                        .get(func.name.as_str())
                        .ok_or_else(|| internal("a function not imported"))?,
                };
                if abi.memory.is_some() {
                    return Ok(Ready::Later { func: index });
                }
                index
            }
        };
        Ok(Ready::Now(self.root.component.lower_func(None, func, [])))
    }

    /// Imports a component function for each core import that no WIT describes.
    /// Gives, per core import, that function.
    fn import_scalars(&mut self) -> (Vec<Option<u32>>, Vec<CoreImport>) {
        // Core module name to its instance: name, type and names of functions.
        let mut instances: BTreeMap<&str, (String, InstanceType, Unique)> = BTreeMap::new();
        let mut modules = Unique::default();
        let mut names: Vec<Option<String>> = Vec::new();
        let mut report = Vec::new();
        for import in &self.plan.imports {
            let (source, function) = match &import.source {
                Source::Wit { .. } | Source::Drop { .. } => {
                    names.push(None);
                    continue;
                }
                Source::Trap { reason } => (CoreImportSource::Trap { reason }, None),
                Source::Scalar => {
                    let (instance, ty, functions) =
                        instances.entry(import.module).or_insert_with(|| {
                            let name = modules.assign(import.module, "core");
                            let name = format!("wippy:core/{}", lowercase(&name));
                            (name, InstanceType::new(), Unique::default())
                        });
                    let function = functions.assign(import.name, "f");
                    let index = ty.type_count();
                    scalar_type(ty, import.ty);
                    ty.export(function.as_str(), ComponentTypeRef::Func(index));
                    let source = CoreImportSource::Component {
                        instance: instance.clone(),
                        function: function.clone(),
                    };
                    (source, Some(function))
                }
            };
            names.push(function);
            report.push(CoreImport {
                module: import.module.to_owned(),
                name: import.name.to_owned(),
                ty: import.ty.clone(),
                source,
            });
        }
        let component = &mut self.root.component;
        let mut indices: HashMap<&str, u32> = HashMap::new();
        for (module, (name, ty, _)) in &instances {
            let ty = component.type_instance(None, ty);
            let index = component.import(name.as_str(), ComponentTypeRef::Instance(ty));
            indices.insert(module, index);
        }
        let functions = self.plan.imports.iter().zip(names).map(|(import, name)| {
            let instance = *indices.get(import.module)?;
            Some(component.alias(
                None,
                Alias::InstanceExport { instance, kind: ComponentExportKind::Func, name: &name? },
            ))
        });
        (functions.collect(), report)
    }

    /// The canonical options that a signature needs.
    fn options(&mut self, abi: &FuncAbi) -> Vec<CanonicalOption> {
        let mut options = Vec::new();
        if abi.memory.is_none() {
            return options;
        }
        let (component, main) = (&mut self.root.component, self.main);
        let memory = *self.memory.get_or_insert_with(|| {
            component.core_alias_export(None, main, "memory", ExportKind::Memory)
        });
        options.push(CanonicalOption::Memory(memory));
        options.push(CanonicalOption::UTF8);
        if abi.realloc.is_some() {
            let realloc = *self.realloc.get_or_insert_with(|| {
                component.core_alias_export(None, main, "cabi_realloc", ExportKind::Func)
            });
            options.push(CanonicalOption::Realloc(realloc));
        }
        options
    }

    fn lift(&mut self, lifted: &Lifted<'a>) -> Result<u32, AdaptError> {
        let ty = self.root.func_type(lifted.func)?;
        let mut options = self.options(&lifted.abi);
        let component = &mut self.root.component;
        if let Some(post) = lifted.post_return {
            let post = component.core_alias_export(None, self.main, post, ExportKind::Func);
            options.push(CanonicalOption::PostReturn(post));
        }
        let core = component.core_alias_export(None, self.main, lifted.core, ExportKind::Func);
        Ok(component.lift_func(None, core, ty, options))
    }

    fn export(&mut self, export: &PlannedExport<'a>) -> Result<(), AdaptError> {
        match export {
            PlannedExport::Func { name, lifted } => {
                let func = self.lift(lifted)?;
                self.root.component.export(name.as_str(), ComponentExportKind::Func, func, None);
                Ok(())
            }
            PlannedExport::Interface { name, id, funcs } => self.export_interface(name, *id, funcs),
        }
    }

    /// Exports an interface: lifts its functions here, with nameless types, and
    /// passes them through a component that gives the types their names.
    fn export_interface(
        &mut self,
        name: &str,
        id: InterfaceId,
        funcs: &[Lifted<'a>],
    ) -> Result<(), AdaptError> {
        let resolve = self.plan.resolve;
        let interface = &resolve.interfaces[id];
        let before = self.root.written.clone();
        self.root.current = Some(id);
        let mut args = Vec::new();
        for (i, lifted) in funcs.iter().enumerate() {
            args.push((format!("func-x{i}"), ComponentExportKind::Func, self.lift(lifted)?));
        }

        let mut shape = Shape {
            resolve,
            component: ComponentBuilder::default(),
            written: HashMap::new(),
            imports: Vec::new(),
            exporting: false,
        };
        // What the interface takes from others must come in from outside.
        let mut live = LiveTypes::default();
        live.add_interface(resolve, id);
        let foreign = |ty: TypeId| match resolve.types[ty].owner {
            TypeOwner::Interface(owner) => owner != id,
            TypeOwner::World(_) | TypeOwner::None => false,
        };
        for ty in live.iter().filter(|ty| foreign(*ty)) {
            shape.value_type(&Type::Id(ty))?;
        }
        let from_others = shape.written.clone();
        for (i, lifted) in funcs.iter().enumerate() {
            let ty = shape.func_type(lifted.func)?;
            shape.component.import(format!("func-x{i}"), ComponentTypeRef::Func(ty));
        }
        for (name, ty) in &shape.imports {
            args.push((name.clone(), ComponentExportKind::Type, self.root.type_index(*ty)?));
        }

        shape.written = from_others;
        shape.exporting = true;
        for ty in interface.types.values() {
            shape.value_type(&Type::Id(*ty))?;
        }
        for (i, lifted) in (0u32..).zip(funcs) {
            let ty = shape.func_type(lifted.func)?;
            shape.component.export(
                lifted.func.name.as_str(),
                ComponentExportKind::Func,
                i,
                Some(ComponentTypeRef::Func(ty)),
            );
        }
        let component = &mut self.root.component;
        let shape = component.component(None, shape.component);
        let instance = component.instantiate(None, shape, args);
        let exported = component.export(name, ComponentExportKind::Instance, instance, None);
        self.root.exported.insert(id, exported);
        self.root.current = None;
        self.root.written = before;
        Ok(())
    }
}

/// Package and interface names must not have capitals in all versions of the
/// format.
fn lowercase(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The component function type with the same scalars as a core function type.
fn scalar_type(instance: &mut InstanceType, ty: &FuncType) {
    let scalar = |ty: &ValType| {
        ComponentValType::Primitive(match ty {
            ValType::I64 => PrimitiveValType::S64,
            ValType::F32 => PrimitiveValType::F32,
            ValType::F64 => PrimitiveValType::F64,
            _ => PrimitiveValType::S32,
        })
    };
    let params: Vec<_> =
        ty.params().iter().enumerate().map(|(i, ty)| (format!("p{i}"), scalar(ty))).collect();
    instance
        .ty()
        .function()
        .params(params.iter().map(|(name, ty)| (name.as_str(), *ty)))
        .result(ty.results().first().map(scalar));
}
