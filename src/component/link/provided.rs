//! Components and core modules that the host gives to components that import such.

use std::sync::Arc;

use crate::component::{
    LoadError,
    load::{
        decode::{ComponentDef, Def, decode},
        module::{CoreModule, Loader},
        rewrite::Changes,
    },
};

/// A component or a core module that the host gives.
#[derive(Clone)]
pub(crate) struct Provided {
    /// The engine of wasmi's that it has been translated for.
    pub core: wasmi::Engine,
    pub bytes: Arc<[u8]>,
    /// The changes that have been made to its modules.
    pub changes: Changes,
    pub def: Arc<ComponentDef>,
    /// The module, if it is one.
    pub module: Option<Arc<CoreModule>>,
}

impl Provided {
    /// The same, translated for another engine of wasmi's: all that a process runs
    /// has to be in one. It has been vetted when it was loaded.
    pub fn in_engine(&self, core: &wasmi::Engine) -> Result<Provided, LoadError> {
        if wasmi::Engine::same(&self.core, core) {
            return Ok(self.clone());
        }
        let def = Arc::new(decode(&self.bytes, &Loader::new(core.clone(), None, self.changes))?);
        let module = self.module.as_ref().and_then(|_| def.first_module());
        Ok(Provided { core: core.clone(), def, module, ..self.clone() })
    }
}

impl ComponentDef {
    /// The first core module that is defined.
    pub fn first_module(&self) -> Option<Arc<CoreModule>> {
        self.defs.iter().find_map(|def| match def {
            Def::Module(module) => Some(module.clone()),
            Def::Import { .. }
            | Def::Export { .. }
            | Def::Component(_)
            | Def::Resource { .. }
            | Def::CoreInstantiate { .. }
            | Def::CoreExports(_)
            | Def::Instantiate { .. }
            | Def::Exports(_)
            | Def::AliasExport { .. }
            | Def::AliasCoreExport { .. }
            | Def::AliasOuter { .. }
            | Def::Canon(_) => None,
        })
    }
}
