//! Imports of the root, met by the host.

use std::{collections::HashMap, rc::Rc};

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentInstanceTypeId,
};

use super::{
    Failure, Linking,
    frame::{Closure, FuncItem, Instantiation, Item, next},
};
use crate::{
    component::{
        error::{LinkError, LoadError},
        link::{
            host::Interface,
            plan::{HostBody, HostImport, ResourceDef},
            provided::Provided,
            typing,
        },
    },
    value::{FuncType, ResourceId, TypeId},
};

/// Begins the names of the instances that the imports of a core module become.
const CORE: &str = "wippy:core/";

impl Linking<'_> {
    /// The item that the host gives for an import of the root.
    pub(super) fn import(
        &mut self,
        frame: &mut Instantiation,
        name: &str,
        ty: ComponentEntityType,
    ) -> Result<Item, Failure> {
        match ty {
            ComponentEntityType::Func(id) => {
                let ty = typing::func(&mut self.types, &frame.def.types, &mut frame.env, id)?;
                let body = self.host_body(name, None, &ty)?;
                Ok(self.host_func(name, body))
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
                let module = self.provided(name, "core module")?.module;
                let none = || LinkError::new(name, "the host gives a component, not a core module");
                Ok(Item::Module(module.ok_or_else(none)?))
            }
            ComponentEntityType::Component(_) => {
                let def = self.provided(name, "component")?.def;
                Ok(Item::Component(Closure { def, scope: None }))
            }
            ComponentEntityType::Value(_) => {
                Err(LinkError::new(name, "imports of values are not supported").into())
            }
        }
    }

    /// The item that the host gives under this name. That its types fit shows when it is
    /// used: then a misfit is an error of linking, or a trap.
    fn provided(&self, name: &str, what: &str) -> Result<Provided, LinkError> {
        let provided = self.linker.provided.get(name);
        let provided = provided
            .ok_or_else(|| LinkError::new(name, format!("the host does not give this {what}")))?;
        let translated = provided.in_engine(&self.plan.core);
        translated.map_err(|error| LinkError::new(name, error.to_string()))
    }

    fn import_instance(
        &mut self,
        frame: &mut Instantiation,
        name: &str,
        interface: Option<&Interface>,
        id: ComponentInstanceTypeId,
    ) -> Result<Item, Failure> {
        let def = frame.def.clone();
        let Some(ty) = def.types.as_ref().get(id) else {
            return Err(LoadError::new("unknown instance type").into());
        };
        let mut items = HashMap::new();
        frame.spend(ty.exports.len())?;
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
                    let body = self.host_body(&full, Some((interface, field)), &ty)?;
                    self.host_func(&full, body)
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
        full: &str,
        member: Option<(Option<&Interface>, &str)>,
        ty: &FuncType,
    ) -> Result<HostBody, LinkError> {
        if let Some(reason) = (self.deny)(full) {
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
        // The imports of a core module have no names that could agree.
        let named = !name.starts_with(CORE);
        let params = have.params.len() == want.params.len()
            && have
                .params
                .iter()
                .zip(&want.params)
                .all(|(a, b)| (!named || a.name == b.name) && same(a.ty, b.ty));
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

    fn host_func(&mut self, name: &str, body: HostBody) -> Item {
        let index = next(&self.plan.hosts);
        let sees_memory = name.starts_with(CORE);
        self.plan.hosts.push(HostImport { body, sees_memory });
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

    pub(super) fn resource(&mut self, name: &str, def: ResourceDef) -> ResourceId {
        let id = self.types.add_resource(name);
        self.plan.resources.push(def);
        id
    }
}
