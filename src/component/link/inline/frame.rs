//! A component instance in the making: its index spaces, and what is in them.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use wasmparser::{
    ComponentOuterAliasKind, ExternalKind,
    component_types::{ComponentAnyTypeId, ComponentEntityType},
};

use crate::{
    component::{
        error::LoadError,
        link::{plan::CoreRef, typing::Env},
        load::{decode::ComponentDef, module::CoreModule},
    },
    value::ResourceId,
};

/// Something in a component-level index space.
#[derive(Clone)]
pub(super) enum Item {
    Module(Arc<CoreModule>),
    Component(Closure),
    Func(FuncItem),
    Instance(Rc<HashMap<Box<str>, Item>>),
    /// A type; only resource types are there at run time.
    Type(Option<ResourceId>),
}

#[derive(Clone, Copy)]
pub(super) enum FuncItem {
    Lifted(u32),
    Host(u32),
}

/// A component with the definitions around it that it can refer to.
#[derive(Clone)]
pub(super) struct Closure {
    pub def: Arc<ComponentDef>,
    pub scope: Option<Rc<Scope>>,
}

/// The definitions of one component instance that nested components can see.
pub(super) struct Scope {
    pub modules: RefCell<Vec<Arc<CoreModule>>>,
    pub components: RefCell<Vec<Closure>>,
    pub outer: Option<Rc<Scope>>,
}

/// A core instance: made from a module, or a bag of definitions.
pub(super) enum CoreInstance {
    Real(u32),
    Bag(HashMap<Box<str>, CoreRef>),
}

/// One component instance in the making.
pub(super) struct Instantiation {
    pub def: Arc<ComponentDef>,
    pub instance: u32,
    pub env: Env,
    pub scope: Rc<Scope>,
    pub core_instances: Vec<CoreInstance>,
    pub core_funcs: Vec<CoreRef>,
    pub core_tables: Vec<CoreRef>,
    pub core_memories: Vec<CoreRef>,
    pub core_globals: Vec<CoreRef>,
    pub core_tags: Vec<CoreRef>,
    pub funcs: Vec<FuncItem>,
    pub instances: Vec<Rc<HashMap<Box<str>, Item>>>,
}

/// An index that the validator has checked, so that a miss is a bug here.
pub(super) fn at<T>(space: &[T], index: u32) -> Result<&T, LoadError> {
    space.get(index as usize).ok_or_else(|| LoadError::new("an index is out of range"))
}

pub(super) fn next<T>(space: &[T]) -> u32 {
    u32::try_from(space.len()).unwrap_or(u32::MAX)
}

impl Instantiation {
    /// Takes steps of the budget.
    pub(super) fn spend(&self, steps: usize) -> Result<(), LoadError> {
        self.env.common.budget.spend(steps)
    }

    /// The same, for a name that is copied.
    pub(super) fn name(&self, name: &str) -> Result<(), LoadError> {
        self.env.common.budget.name(name)
    }
}

pub(super) fn core_export(instance: &CoreInstance, name: &str) -> Result<CoreRef, LoadError> {
    match instance {
        CoreInstance::Real(instance) => {
            Ok(CoreRef::Export { instance: *instance, name: name.into() })
        }
        CoreInstance::Bag(bag) => {
            bag.get(name).cloned().ok_or_else(|| LoadError::new(format!("no core export `{name}`")))
        }
    }
}

pub(super) fn core_space(frame: &mut Instantiation, kind: ExternalKind) -> &mut Vec<CoreRef> {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => &mut frame.core_funcs,
        ExternalKind::Table => &mut frame.core_tables,
        ExternalKind::Memory => &mut frame.core_memories,
        ExternalKind::Global => &mut frame.core_globals,
        ExternalKind::Tag => &mut frame.core_tags,
    }
}

pub(super) fn push(frame: &mut Instantiation, item: Item) -> Result<(), LoadError> {
    match item {
        Item::Module(module) => frame.scope.modules.borrow_mut().push(module),
        Item::Component(component) => frame.scope.components.borrow_mut().push(component),
        Item::Func(func) => frame.funcs.push(func),
        Item::Instance(items) => push_instance(frame, items)?,
        Item::Type(_) => {}
    }
    Ok(())
}

/// Adds an instance, and notes what the resources of its type stand for.
pub(super) fn push_instance(
    frame: &mut Instantiation,
    items: Rc<HashMap<Box<str>, Item>>,
) -> Result<(), LoadError> {
    let def = frame.def.clone();
    let id = def.types.as_ref().component_instance_at(next(&frame.instances));
    frame.instances.push(items.clone());
    bind(frame, ComponentEntityType::Instance(id), &Item::Instance(items))
}

/// Notes which resources the types of an item stand for in this instance.
pub(super) fn bind(
    frame: &mut Instantiation,
    ty: ComponentEntityType,
    item: &Item,
) -> Result<(), LoadError> {
    match (ty, item) {
        (
            ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(id), .. },
            Item::Type(Some(resource)),
        ) => {
            frame.env.resources.insert(id.resource(), *resource);
        }
        (ComponentEntityType::Instance(id), Item::Instance(items)) => {
            let def = frame.def.clone();
            if !frame.env.brings_resources(&def.types, id)? {
                return Ok(());
            }
            let Some(ty) = def.types.as_ref().get(id) else { return Ok(()) };
            frame.spend(ty.exports.len())?;
            for (name, entity) in &ty.exports {
                if let Some(item) = items.get(name.as_str()) {
                    bind(frame, entity.ty, item)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn alias_outer(
    frame: &mut Instantiation,
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
