//! Linking: the instantiation of a component, run once, symbolically.
//!
//! A [`Instantiation`] is one component instance that is being made. It has the index
//! spaces of the specification, filled in the order of the definitions; what is
//! in them are not run time things but references into the [`Plan`] that grows
//! along the way. A nested component is instantiated by a nested frame, so that
//! nothing of the nesting is left at run time but flat lists.

mod canon;
mod frame;
mod host;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use wasmparser::{
    ComponentExternalKind,
    component_types::{ComponentEntityType, ComponentFuncTypeId},
};

use self::frame::{
    Closure, CoreInstance, FuncItem, Instantiation, Item, Scope, alias_outer, at, bind,
    core_export, core_space, next, push, push_instance,
};
use super::{
    budget::Budget,
    elide,
    linker::Linker,
    plan::{CoreRef, Export, Interpreter, Op, Plan, ResourceDef, Target},
    typing::{self, Common, Env},
};
use crate::{
    component::{
        abi::Layouts,
        error::{LinkError, LoadError},
        load::{
            decode::{ComponentDef, Def},
            module::CoreModule,
        },
    },
    value::{ResourceId, Types},
};

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

/// Links `root` with what `linker` provides and `deny` permits.
pub(crate) fn link(
    interpreter: Interpreter,
    root: &Arc<ComponentDef>,
    linker: &Linker,
    deny: &Deny<'_>,
) -> Result<Plan, Failure> {
    link_within(Budget::new(root.file.len()), interpreter, root, linker, deny)
}

fn link_within(
    budget: Budget,
    interpreter: Interpreter,
    root: &Arc<ComponentDef>,
    linker: &Linker,
    deny: &Deny<'_>,
) -> Result<Plan, Failure> {
    let Interpreter { core, condemned, max_slice, max_stack } = interpreter;
    let mut linking = Linking {
        linker,
        deny,
        types: Types::default(),
        layouts: Layouts::default(),
        common: Rc::new(Common::new(budget)),
        core_instances: 0,
        memories: 0,
        funcs: 0,
        host_resources: HashMap::new(),
        depth: 0,
        plan: Plan {
            core,
            condemned,
            max_slice,
            max_stack,
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
    elide::elide(&mut plan.ops);
    plan.types = Arc::new(types);
    plan.layouts = layouts;
    Ok(plan)
}

struct Linking<'a> {
    linker: &'a Linker,
    deny: &'a Deny<'a>,
    types: Types,
    layouts: Layouts,
    common: Rc<Common>,
    core_instances: u32,
    memories: u32,
    funcs: u32,
    /// The linker's resources that the component has met.
    host_resources: HashMap<ResourceId, ResourceId>,
    depth: usize,
    plan: Plan,
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
            bind(&mut frame, ty, &item)?;
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
        frame: &mut Instantiation,
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
    ) -> Result<Instantiation, LoadError> {
        if self.plan.parents.len() >= MAX_INSTANCES {
            return Err(LoadError::new(format!("more than {MAX_INSTANCES} component instances")));
        }
        let instance = next(&self.plan.parents);
        self.plan.parents.push(parent);
        let scope = Scope { modules: RefCell::default(), components: RefCell::default(), outer };
        Ok(Instantiation {
            def: def.clone(),
            instance,
            env: Env::new(self.common.clone(), def),
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

    /// Runs the definitions of a component and returns its exports.
    fn run(
        &mut self,
        frame: &mut Instantiation,
        args: &HashMap<Box<str>, Item>,
    ) -> Result<HashMap<Box<str>, Item>, Failure> {
        let def = frame.def.clone();
        let mut exports = HashMap::new();
        for definition in &def.defs {
            frame.spend(1)?;
            match definition {
                Def::Import { name } => {
                    frame.name(name)?;
                    let item = args
                        .get(name)
                        .ok_or_else(|| LoadError::new(format!("no argument for `{name}`")))?;
                    if let Some(entity) = def.types.as_ref().component_item_for_import(name) {
                        bind(frame, entity.ty, item)?;
                    }
                    push(frame, item.clone())?;
                }
                Def::Export { name, kind, index } => {
                    frame.name(name)?;
                    let item = self.lookup(frame, *kind, *index)?;
                    if let Some(entity) = def.types.as_ref().component_item_for_export(name) {
                        bind(frame, entity.ty, &item)?;
                    }
                    push(frame, item.clone())?;
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
                    frame.spend(exports.len())?;
                    let mut bag = HashMap::new();
                    for (name, kind, index) in exports {
                        frame.name(name)?;
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
                    frame.spend(list.len())?;
                    let mut items = HashMap::new();
                    for (name, kind, index) in list {
                        frame.name(name)?;
                        items.insert(name.clone(), self.lookup(frame, *kind, *index)?);
                    }
                    push_instance(frame, Rc::new(items))?;
                }
                Def::AliasExport { instance, name } => {
                    let item = at(&frame.instances, *instance)?
                        .get(name)
                        .cloned()
                        .ok_or_else(|| LoadError::new(format!("no export `{name}`")))?;
                    push(frame, item)?;
                }
                Def::AliasCoreExport { instance, kind, name } => {
                    frame.name(name)?;
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
        frame: &Instantiation,
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
        frame: &mut Instantiation,
        closure: Closure,
        args: &[(Box<str>, ComponentExternalKind, u32)],
    ) -> Result<(), Failure> {
        frame.spend(args.len())?;
        let mut given = HashMap::new();
        for (name, kind, index) in args {
            frame.name(name)?;
            given.insert(name.clone(), self.lookup(frame, *kind, *index)?);
        }
        if self.depth >= MAX_DEPTH {
            return Err(LoadError::new("components instantiate each other too deeply").into());
        }
        self.depth += 1;
        let mut inner = self.frame(&closure.def, closure.scope, Some(frame.instance))?;
        let exports = self.run(&mut inner, &given)?;
        self.depth -= 1;
        push_instance(frame, Rc::new(exports))?;
        Ok(())
    }

    fn core_instantiate(
        &mut self,
        frame: &mut Instantiation,
        module: Arc<CoreModule>,
        args: &[(Box<str>, u32)],
    ) -> Result<(), LoadError> {
        if self.core_instances as usize >= MAX_INSTANCES {
            return Err(LoadError::new(format!("more than {MAX_INSTANCES} core instances")));
        }
        frame.spend(module.imports.len().saturating_add(args.len()))?;
        let args: HashMap<&str, u32> = args.iter().map(|(arg, index)| (&**arg, *index)).collect();
        let mut imports = Vec::with_capacity(module.imports.len());
        for (space, name) in &module.imports {
            frame.name(space)?;
            frame.name(name)?;
            let index = args
                .get(&**space)
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
}
