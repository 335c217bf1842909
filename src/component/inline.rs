//! Linking: the instantiation of a component, run once, symbolically.
//!
//! A [`Frame`] is one component instance that is being made. It has the index
//! spaces of the specification, filled in the order of the definitions; what is
//! in them are not run time things but references into the [`Plan`] that grows
//! along the way. A nested component is instantiated by a nested frame, so that
//! nothing of the nesting is left at run time but flat lists.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentExternalKind, ComponentOuterAliasKind,
    ExternalKind,
    component_types::{
        ComponentAnyTypeId, ComponentEntityType, ComponentFuncTypeId, ComponentInstanceTypeId,
    },
};

use super::{
    abi::{CoreType, Layouts, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS},
    decode::{ComponentDef, Def},
    error::{LinkError, LoadError},
    linker::{Interface, Linker},
    module::CoreModule,
    plan::{
        CanonOptions, CoreRef, Encoding, Export, HostBody, HostImport, Lifted, Op, Plan,
        ResourceDef, Signature, Target, Trampoline, TrampolineKind,
    },
    typing::{self, Env},
};
use crate::value::{FuncType, ResourceId, TypeId, Types};

/// Component and core instances that one process may consist of. A component
/// can ask for exponentially many in a few bytes.
const MAX_INSTANCES: usize = 10_000;

/// How deeply instantiation may recurse.
const MAX_DEPTH: usize = 100;

/// Says why an import is denied, or nothing if it is granted.
pub(crate) type Deny<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Why linking failed: at an import, or in the component itself.
#[derive(Debug)]
pub(crate) enum Failure {
    Import(LinkError),
    Component(LoadError),
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Failure {
        Failure::Import(error)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        Failure::Component(error)
    }
}

/// Something in a component-level index space.
#[derive(Clone)]
enum Item {
    Module(Arc<CoreModule>),
    Component(Closure),
    Func(FuncItem),
    Instance(Rc<HashMap<Box<str>, Item>>),
    /// A type; only resource types are there at run time.
    Type(Option<ResourceId>),
}

#[derive(Clone, Copy)]
enum FuncItem {
    Lifted(u32),
    Host(u32),
}

/// A component with the definitions around it that it can refer to.
#[derive(Clone)]
struct Closure {
    def: Arc<ComponentDef>,
    scope: Option<Rc<Scope>>,
}

/// The definitions of one component instance that nested components can see.
struct Scope {
    modules: RefCell<Vec<Arc<CoreModule>>>,
    components: RefCell<Vec<Closure>>,
    outer: Option<Rc<Scope>>,
}

/// A core instance: made from a module, or a bag of definitions.
enum CoreInstance {
    Real(u32),
    Bag(HashMap<Box<str>, CoreRef>),
}

/// One component instance in the making.
struct Frame {
    def: Arc<ComponentDef>,
    instance: u32,
    env: Env,
    scope: Rc<Scope>,
    core_instances: Vec<CoreInstance>,
    core_funcs: Vec<CoreRef>,
    core_tables: Vec<CoreRef>,
    core_memories: Vec<CoreRef>,
    core_globals: Vec<CoreRef>,
    core_tags: Vec<CoreRef>,
    funcs: Vec<FuncItem>,
    instances: Vec<Rc<HashMap<Box<str>, Item>>>,
}

/// Links `root` with what `linker` provides and `deny` permits.
pub(crate) fn link(
    core: &wasmi::Engine,
    max_slice: u64,
    root: &Arc<ComponentDef>,
    linker: &Linker,
    deny: &Deny<'_>,
) -> Result<Plan, Failure> {
    let mut linking = Linking {
        linker,
        deny,
        types: Types::default(),
        layouts: Layouts::default(),
        core_instances: 0,
        memories: 0,
        funcs: 0,
        host_resources: HashMap::new(),
        depth: 0,
        plan: Plan {
            core: core.clone(),
            max_slice,
            types: Arc::default(),
            layouts: Layouts::default(),
            ops: Vec::new(),
            trampolines: Vec::new(),
            lifted: Vec::new(),
            options: Vec::new(),
            parents: Vec::new(),
            resources: Vec::new(),
            hosts: Vec::new(),
            exports: Vec::new(),
        },
    };
    linking.root(root)?;
    let Linking { mut plan, types, mut layouts, .. } = linking;
    layouts.update(&types);
    plan.types = Arc::new(types);
    plan.layouts = layouts;
    Ok(plan)
}

struct Linking<'a> {
    linker: &'a Linker,
    deny: &'a Deny<'a>,
    types: Types,
    layouts: Layouts,
    core_instances: u32,
    memories: u32,
    funcs: u32,
    /// The linker's resources that the component has met.
    host_resources: HashMap<ResourceId, ResourceId>,
    depth: usize,
    plan: Plan,
}

/// An index that the validator has checked, so that a miss is a bug here.
fn at<T>(space: &[T], index: u32) -> Result<&T, LoadError> {
    space.get(index as usize).ok_or_else(|| LoadError::new("an index is out of range"))
}

fn next<T>(space: &[T]) -> u32 {
    u32::try_from(space.len()).unwrap_or(u32::MAX)
}

impl Linking<'_> {
    fn root(&mut self, root: &Arc<ComponentDef>) -> Result<(), Failure> {
        let mut frame = self.frame(root, None, None)?;
        let mut args = HashMap::new();
        for def in &root.defs {
            let Def::Import { name } = def else { continue };
            let Some(item) = root.types.as_ref().component_item_for_import(name) else { continue };
            let ty = item.ty;
            // `(implements "…")` gives the interface of an import that has a plain name.
            let interface = item.full_implements().map(|name| name.into_owned());
            let item = self.import(&mut frame, interface.as_deref().unwrap_or(name), ty)?;
            // Later imports may speak of a resource type that this one brings.
            bind(&mut frame, ty, &item);
            args.insert(name.clone(), item);
        }
        let exports = self.run(&mut frame, &args)?;
        let parsed = &root.types;
        for def in &root.defs {
            let Def::Export { name, .. } = def else { continue };
            let Some(item) = parsed.as_ref().component_item_for_export(name) else { continue };
            match (item.ty, exports.get(name)) {
                (ComponentEntityType::Func(id), Some(Item::Func(func))) => {
                    self.export(&mut frame, None, name, id, *func)?;
                }
                (ComponentEntityType::Instance(id), Some(Item::Instance(items))) => {
                    let Some(ty) = parsed.as_ref().get(id) else { continue };
                    let named = item.full_implements().map(|name| name.into_owned());
                    let interface = named.as_deref().unwrap_or(name);
                    for (name, item) in &ty.exports {
                        if let (ComponentEntityType::Func(id), Some(Item::Func(func))) =
                            (item.ty, items.get(name.as_str()))
                        {
                            self.export(&mut frame, Some(interface), name, id, *func)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn export(
        &mut self,
        frame: &mut Frame,
        interface: Option<&str>,
        name: &str,
        id: ComponentFuncTypeId,
        func: FuncItem,
    ) -> Result<(), Failure> {
        let ty = typing::func(&mut self.types, &frame.def.types, &mut frame.env, id)?;
        let target = match func {
            FuncItem::Lifted(index) => {
                if let Some(lifted) = self.plan.lifted.get_mut(index as usize) {
                    lifted.name = match interface {
                        Some(interface) => format!("{interface}#{name}").into(),
                        None => name.into(),
                    };
                }
                Target::Lifted(index)
            }
            FuncItem::Host(index) => Target::Host(index),
        };
        let interface = interface.map(Into::into);
        self.plan.exports.push(Export { interface, name: name.into(), ty, target });
        Ok(())
    }

    fn frame(
        &mut self,
        def: &Arc<ComponentDef>,
        outer: Option<Rc<Scope>>,
        parent: Option<u32>,
    ) -> Result<Frame, LoadError> {
        if self.plan.parents.len() >= MAX_INSTANCES {
            return Err(LoadError::new(format!("more than {MAX_INSTANCES} component instances")));
        }
        let instance = next(&self.plan.parents);
        self.plan.parents.push(parent);
        let scope = Scope { modules: RefCell::default(), components: RefCell::default(), outer };
        Ok(Frame {
            def: def.clone(),
            instance,
            env: Env::default(),
            scope: Rc::new(scope),
            core_instances: Vec::new(),
            core_funcs: Vec::new(),
            core_tables: Vec::new(),
            core_memories: Vec::new(),
            core_globals: Vec::new(),
            core_tags: Vec::new(),
            funcs: Vec::new(),
            instances: Vec::new(),
        })
    }

    /// What the host gives for an import of the root.
    fn import(
        &mut self,
        frame: &mut Frame,
        name: &str,
        ty: ComponentEntityType,
    ) -> Result<Item, Failure> {
        match ty {
            ComponentEntityType::Func(id) => {
                let ty = typing::func(&mut self.types, &frame.def.types, &mut frame.env, id)?;
                let body = self.host_body(name, name, None, &ty)?;
                Ok(self.host_func(name.into(), body))
            }
            ComponentEntityType::Instance(id) => {
                let linker = self.linker;
                self.import_instance(frame, name, linker.interface(name), id)
            }
            ComponentEntityType::Type { created, .. } => match created {
                // A bare resource import: nobody can make one, so it is absent.
                ComponentAnyTypeId::Resource(id) => {
                    let known = frame.env.resources.get(&id.resource()).copied();
                    let ty = known.unwrap_or_else(|| self.resource(name, ResourceDef::Absent));
                    Ok(Item::Type(Some(ty)))
                }
                _ => Ok(Item::Type(None)),
            },
            ComponentEntityType::Module(_) => {
                Err(LinkError::new(name, "imports of core modules have no provider").into())
            }
            ComponentEntityType::Component(_) => {
                Err(LinkError::new(name, "imports of components have no provider").into())
            }
            ComponentEntityType::Value(_) => {
                Err(LinkError::new(name, "imports of values are not supported").into())
            }
        }
    }

    fn import_instance(
        &mut self,
        frame: &mut Frame,
        name: &str,
        interface: Option<&Interface>,
        id: ComponentInstanceTypeId,
    ) -> Result<Item, Failure> {
        let def = frame.def.clone();
        let Some(ty) = def.types.as_ref().get(id) else {
            return Err(LoadError::new("unknown instance type").into());
        };
        let mut items = HashMap::new();
        for (field, item) in &ty.exports {
            let item = match item.ty {
                ComponentEntityType::Type { created, .. } => match created {
                    ComponentAnyTypeId::Resource(id) => {
                        let id = id.resource();
                        let resource = match frame.env.resources.get(&id) {
                            Some(known) => *known,
                            None => match interface.and_then(|i| i.resources.get(field.as_str())) {
                                Some(host) => self.host_resource(*host, field),
                                None => self.resource(field, ResourceDef::Absent),
                            },
                        };
                        frame.env.resources.insert(id, resource);
                        Item::Type(Some(resource))
                    }
                    _ => Item::Type(None),
                },
                ComponentEntityType::Func(id) => {
                    let full = format!("{name}#{field}");
                    let ty = typing::func(&mut self.types, &def.types, &mut frame.env, id)?;
                    let body = self.host_body(name, &full, Some((interface, field)), &ty)?;
                    self.host_func(full.into(), body)
                }
                ComponentEntityType::Instance(id) => {
                    self.import_instance(frame, &format!("{name}#{field}"), None, id)?
                }
                other => self.import(frame, &format!("{name}#{field}"), other)?,
            };
            items.insert(field.as_str().into(), item);
        }
        Ok(Item::Instance(Rc::new(items)))
    }

    /// The host's function for an import, or a stub that says why there is none.
    fn host_body(
        &mut self,
        import: &str,
        full: &str,
        member: Option<(Option<&Interface>, &str)>,
        ty: &FuncType,
    ) -> Result<HostBody, LinkError> {
        if let Some(reason) = (self.deny)(import) {
            return Ok(HostBody::Denied(format!("`{full}` was called, but {reason}")));
        }
        let func = match member {
            Some((interface, field)) => interface.and_then(|i| i.funcs.get(field)),
            None => self.linker.root_func(full),
        };
        let Some(func) = func else {
            return Ok(HostBody::Denied(format!(
                "`{full}` was called, but this host does not provide it"
            )));
        };
        self.check_type(full, ty, &func.ty)?;
        Ok(match &func.body {
            Some(_) => HostBody::Func(func.clone()),
            None => HostBody::Denied(format!(
                "`{full}` was called, but the host declares it without a body"
            )),
        })
    }

    fn check_type(&self, name: &str, have: &FuncType, want: &FuncType) -> Result<(), LinkError> {
        let mut resource =
            |ours: ResourceId, theirs| self.host_resources.get(&theirs) == Some(&ours);
        let mut same =
            |a: TypeId, b: TypeId| self.types.same(a, &self.linker.types, b, &mut resource);
        let params = have.params.len() == want.params.len()
            && have
                .params
                .iter()
                .zip(&want.params)
                .all(|(a, b)| a.name == b.name && same(a.ty, b.ty));
        let result = match (have.result, want.result) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        if params && result && have.is_async == want.is_async {
            return Ok(());
        }
        Err(LinkError::new(
            name,
            format!(
                "the component expects `{}`, the host provides `{}`",
                self.types.display_func(have),
                self.linker.types.display_func(want)
            ),
        ))
    }

    fn host_func(&mut self, name: Box<str>, body: HostBody) -> Item {
        let index = next(&self.plan.hosts);
        let sees_memory = name.starts_with("wippy:core/");
        self.plan.hosts.push(HostImport { name, body, sees_memory });
        Item::Func(FuncItem::Host(index))
    }

    fn host_resource(&mut self, host: ResourceId, name: &str) -> ResourceId {
        if let Some(known) = self.host_resources.get(&host) {
            return *known;
        }
        let dtor = self.linker.dtors.get(&host).cloned();
        let id = self.resource(name, ResourceDef::Host(dtor));
        self.host_resources.insert(host, id);
        id
    }

    fn resource(&mut self, name: &str, def: ResourceDef) -> ResourceId {
        let id = self.types.add_resource(name);
        self.plan.resources.push(def);
        id
    }

    /// Runs the definitions of a component and returns its exports.
    fn run(
        &mut self,
        frame: &mut Frame,
        args: &HashMap<Box<str>, Item>,
    ) -> Result<HashMap<Box<str>, Item>, Failure> {
        let def = frame.def.clone();
        let mut exports = HashMap::new();
        for definition in &def.defs {
            match definition {
                Def::Import { name } => {
                    let item = args
                        .get(name)
                        .ok_or_else(|| LoadError::new(format!("no argument for `{name}`")))?;
                    if let Some(entity) = def.types.as_ref().component_item_for_import(name) {
                        bind(frame, entity.ty, item);
                    }
                    push(frame, item.clone());
                }
                Def::Export { name, kind, index } => {
                    let item = self.lookup(frame, *kind, *index)?;
                    if let Some(entity) = def.types.as_ref().component_item_for_export(name) {
                        bind(frame, entity.ty, &item);
                    }
                    push(frame, item.clone());
                    exports.insert(name.clone(), item);
                }
                Def::Module(module) => frame.scope.modules.borrow_mut().push(module.clone()),
                Def::Component(component) => {
                    let scope = Some(frame.scope.clone());
                    let closure = Closure { def: component.clone(), scope };
                    frame.scope.components.borrow_mut().push(closure);
                }
                Def::Resource { type_index, dtor } => {
                    let dtor = dtor
                        .map(|index| at(&frame.core_funcs, index).cloned())
                        .transpose()?
                        .map(|func| self.func(func));
                    let guest = ResourceDef::Guest { instance: frame.instance, dtor };
                    let id = self.resource("resource", guest);
                    if let Some(parsed) = def.resource_at(*type_index) {
                        frame.env.resources.insert(parsed, id);
                    }
                }
                Def::CoreInstantiate { module, args } => {
                    let module = at(&frame.scope.modules.borrow(), *module)?.clone();
                    self.core_instantiate(frame, module, args)?;
                }
                Def::CoreExports(exports) => {
                    let mut bag = HashMap::new();
                    for (name, kind, index) in exports {
                        let item = at(core_space(frame, *kind), *index)?.clone();
                        bag.insert(name.clone(), item);
                    }
                    frame.core_instances.push(CoreInstance::Bag(bag));
                }
                Def::Instantiate { component, args } => {
                    let closure = at(&frame.scope.components.borrow(), *component)?.clone();
                    self.instantiate(frame, closure, args)?;
                }
                Def::Exports(list) => {
                    let mut items = HashMap::new();
                    for (name, kind, index) in list {
                        items.insert(name.clone(), self.lookup(frame, *kind, *index)?);
                    }
                    push_instance(frame, Rc::new(items));
                }
                Def::AliasExport { instance, kind: _, name } => {
                    let item = at(&frame.instances, *instance)?
                        .get(name)
                        .cloned()
                        .ok_or_else(|| LoadError::new(format!("no export `{name}`")))?;
                    push(frame, item);
                }
                Def::AliasCoreExport { instance, kind, name } => {
                    let item = core_export(at(&frame.core_instances, *instance)?, name)?;
                    core_space(frame, *kind).push(item);
                }
                Def::AliasOuter { kind, count, index } => {
                    alias_outer(frame, *kind, *count, *index)?;
                }
                Def::Canon(canon) => self.canon(frame, canon)?,
            }
        }
        Ok(exports)
    }

    /// The item at a component-level index. For a type, the resource it is.
    fn lookup(
        &self,
        frame: &Frame,
        kind: ComponentExternalKind,
        index: u32,
    ) -> Result<Item, LoadError> {
        Ok(match kind {
            ComponentExternalKind::Module => {
                Item::Module(at(&frame.scope.modules.borrow(), index)?.clone())
            }
            ComponentExternalKind::Component => {
                Item::Component(at(&frame.scope.components.borrow(), index)?.clone())
            }
            ComponentExternalKind::Func => Item::Func(*at(&frame.funcs, index)?),
            ComponentExternalKind::Instance => Item::Instance(at(&frame.instances, index)?.clone()),
            ComponentExternalKind::Type => Item::Type(
                frame.def.resource_at(index).and_then(|id| frame.env.resources.get(&id).copied()),
            ),
            ComponentExternalKind::Value => {
                return Err(LoadError::new("component values are not supported"));
            }
        })
    }

    fn instantiate(
        &mut self,
        frame: &mut Frame,
        closure: Closure,
        args: &[(Box<str>, ComponentExternalKind, u32)],
    ) -> Result<(), Failure> {
        let mut given = HashMap::new();
        for (name, kind, index) in args {
            given.insert(name.clone(), self.lookup(frame, *kind, *index)?);
        }
        if self.depth >= MAX_DEPTH {
            return Err(LoadError::new("components instantiate each other too deeply").into());
        }
        self.depth += 1;
        let mut inner = self.frame(&closure.def, closure.scope, Some(frame.instance))?;
        let exports = self.run(&mut inner, &given)?;
        self.depth -= 1;
        push_instance(frame, Rc::new(exports));
        Ok(())
    }

    fn core_instantiate(
        &mut self,
        frame: &mut Frame,
        module: Arc<CoreModule>,
        args: &[(Box<str>, u32)],
    ) -> Result<(), LoadError> {
        if self.core_instances as usize >= MAX_INSTANCES {
            return Err(LoadError::new(format!("more than {MAX_INSTANCES} core instances")));
        }
        let mut imports = Vec::with_capacity(module.imports.len());
        for (space, name) in &module.imports {
            let (_, index) = args
                .iter()
                .find(|(arg, _)| arg == space)
                .ok_or_else(|| LoadError::new(format!("no core instance for `{space}`")))?;
            imports.push(core_export(at(&frame.core_instances, *index)?, name)?);
        }
        self.plan.ops.push(Op::Instantiate { module, imports: imports.into() });
        frame.core_instances.push(CoreInstance::Real(self.core_instances));
        self.core_instances += 1;
        Ok(())
    }

    /// A function for the engine to call.
    fn func(&mut self, func: CoreRef) -> u32 {
        self.plan.ops.push(Op::Func(func));
        self.funcs += 1;
        self.funcs - 1
    }

    fn options(
        &mut self,
        frame: &Frame,
        options: &[CanonicalOption],
    ) -> Result<(u32, Option<u32>, bool), LoadError> {
        let mut canon = CanonOptions {
            instance: frame.instance,
            memory: None,
            realloc: None,
            encoding: Encoding::Utf8,
            wide: false,
        };
        let (mut post_return, mut is_async) = (None, false);
        for option in options {
            match option {
                CanonicalOption::UTF8 => canon.encoding = Encoding::Utf8,
                CanonicalOption::UTF16 => canon.encoding = Encoding::Utf16,
                CanonicalOption::CompactUTF16 => canon.encoding = Encoding::Compact,
                CanonicalOption::Memory(index) => {
                    canon.wide = frame.def.types.as_ref().memory_at(*index).memory64;
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
        wide: bool,
    ) -> (Signature, Vec<CoreType>, Vec<CoreType>) {
        self.layouts.update(&self.types);
        let pointer = if wide { CoreType::I64 } else { CoreType::I32 };
        let params: Box<[TypeId]> = ty.params.iter().map(|param| param.ty).collect();
        let flat_params = self.layouts.tuple(&params, wide).flat;
        let spill_params = flat_params.as_ref().is_none_or(|flat| flat.len() > MAX_FLAT_PARAMS);
        let mut core_params =
            if spill_params { vec![pointer] } else { flat_params.unwrap_or_default().into() };
        let mut core_results = Vec::new();
        let (mut spill_result, mut result_has_pointers) = (false, false);
        if let Some(result) = ty.result {
            let layout = self.layouts.get(result, wide);
            result_has_pointers = layout.pointers;
            match &layout.flat {
                Some(flat) if flat.len() <= MAX_FLAT_RESULTS => core_results = flat.to_vec(),
                _ => spill_result = true,
            }
        }
        if spill_result {
            // As `canon lower` has it: the caller passes the address.
            core_params.push(pointer);
        }
        let signature = Signature {
            params,
            result: ty.result,
            spill_params,
            spill_result,
            result_has_pointers,
        };
        (signature, core_params, core_results)
    }

    fn canon(&mut self, frame: &mut Frame, canon: &CanonicalFunction) -> Result<(), Failure> {
        use CoreType::{I32, I64};
        let parsed = &frame.def.clone().types;
        let resource = |frame: &Frame, index: u32| {
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
                let wide = at(&self.plan.options, options)?.wide;
                let (signature, ..) = self.signature(&ty, wide);
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
                let wide = at(&self.plan.options, options)?.wide;
                let (signature, params, results) = self.signature(&ty, wide);
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
                let wide = *ty == wasmparser::ValType::I64;
                let kind = TrampolineKind::ContextGet { slot: *slot };
                (kind, vec![], vec![if wide { I64 } else { I32 }])
            }
            CanonicalFunction::ContextSet { ty, slot } => {
                let wide = *ty == wasmparser::ValType::I64;
                let kind = TrampolineKind::ContextSet { slot: *slot };
                (kind, vec![if wide { I64 } else { I32 }], vec![])
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
        frame: &mut Frame,
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
        frame: &mut Frame,
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

fn core_export(instance: &CoreInstance, name: &str) -> Result<CoreRef, LoadError> {
    match instance {
        CoreInstance::Real(instance) => {
            Ok(CoreRef::Export { instance: *instance, name: name.into() })
        }
        CoreInstance::Bag(bag) => {
            bag.get(name).cloned().ok_or_else(|| LoadError::new(format!("no core export `{name}`")))
        }
    }
}

fn core_space(frame: &mut Frame, kind: ExternalKind) -> &mut Vec<CoreRef> {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => &mut frame.core_funcs,
        ExternalKind::Table => &mut frame.core_tables,
        ExternalKind::Memory => &mut frame.core_memories,
        ExternalKind::Global => &mut frame.core_globals,
        ExternalKind::Tag => &mut frame.core_tags,
    }
}

fn push(frame: &mut Frame, item: Item) {
    match item {
        Item::Module(module) => frame.scope.modules.borrow_mut().push(module),
        Item::Component(component) => frame.scope.components.borrow_mut().push(component),
        Item::Func(func) => frame.funcs.push(func),
        Item::Instance(items) => push_instance(frame, items),
        Item::Type(_) => {}
    }
}

/// Adds an instance, and notes what the resources of its type stand for.
fn push_instance(frame: &mut Frame, items: Rc<HashMap<Box<str>, Item>>) {
    let def = frame.def.clone();
    let id = def.types.as_ref().component_instance_at(next(&frame.instances));
    frame.instances.push(items.clone());
    bind(frame, ComponentEntityType::Instance(id), &Item::Instance(items));
}

/// Notes which resources the types of an item stand for in this instance.
fn bind(frame: &mut Frame, ty: ComponentEntityType, item: &Item) {
    match (ty, item) {
        (
            ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(id), .. },
            Item::Type(Some(resource)),
        ) => {
            frame.env.resources.insert(id.resource(), *resource);
        }
        (ComponentEntityType::Instance(id), Item::Instance(items)) => {
            let def = frame.def.clone();
            let Some(ty) = def.types.as_ref().get(id) else { return };
            for (name, entity) in &ty.exports {
                if let Some(item) = items.get(name.as_str()) {
                    bind(frame, entity.ty, item);
                }
            }
        }
        _ => {}
    }
}

fn alias_outer(
    frame: &mut Frame,
    kind: ComponentOuterAliasKind,
    count: u32,
    index: u32,
) -> Result<(), LoadError> {
    let mut scope = frame.scope.clone();
    for _ in 0..count {
        let outer = scope.outer.clone();
        scope = outer.ok_or_else(|| LoadError::new("an alias reaches too far out"))?;
    }
    match kind {
        ComponentOuterAliasKind::CoreModule => {
            let module = at(&scope.modules.borrow(), index)?.clone();
            frame.scope.modules.borrow_mut().push(module);
        }
        ComponentOuterAliasKind::Component => {
            let component = at(&scope.components.borrow(), index)?.clone();
            frame.scope.components.borrow_mut().push(component);
        }
        ComponentOuterAliasKind::Type | ComponentOuterAliasKind::CoreType => {}
    }
    Ok(())
}
