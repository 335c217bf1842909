//! The short ways: a file or a project, ready to run, with all that guests may import.

use std::path::Path;

use super::{
    failure::Failure,
    offered::offered,
    project::ProjectPrograms,
    runtime::{ProcessSpec, Runtime},
    wasi_setup::{WasiDir, WasiSetup},
};
use crate::{
    artifact::Artifact,
    component::{DEFAULT_STACK, DeclareError, Engine, Linker},
    host::Node,
    imports::{funcs, process, sim, wasi},
    process::Grants,
    registry::{Project, listed, open_together},
};

impl Runtime {
    /// A runtime whose processes may import all that there is.
    ///
    /// # Errors
    ///
    /// None, if the crate is well.
    pub fn with_all_imports() -> Result<Runtime, DeclareError> {
        let mut linker = Linker::default();
        wasi::add_to_linker(&mut linker)?;
        process::add_to_linker(&mut linker)?;
        sim::add_to_linker(&mut linker)?;
        funcs::add_to_linker(&mut linker)?;
        Ok(Runtime::new(Engine::default(), linker))
    }
}

impl ProcessSpec {
    /// The function of a file to run: `run`, or the only one that it exports. It sees
    /// nothing of the machine but its streams, see [`ProcessSpec::given`].
    ///
    /// # Errors
    ///
    /// If the file cannot be run, or exports several functions.
    pub fn from_file(path: impl AsRef<Path>) -> Result<ProcessSpec, Failure> {
        ProcessSpec::of_file(path.as_ref(), None)
    }

    /// A function of a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be run, or does not export it.
    pub fn from_file_with(path: impl AsRef<Path>, method: &str) -> Result<ProcessSpec, Failure> {
        ProcessSpec::of_file(path.as_ref(), Some(method))
    }

    fn of_file(path: &Path, method: Option<&str>) -> Result<ProcessSpec, Failure> {
        let name = path.display().to_string();
        let said = |why: &dyn std::fmt::Display| Failure::new(format!("{name}: {why}"));
        let runtime = Runtime::with_all_imports()?;
        let artifact = Artifact::from_file(path)?;
        let loaded = runtime.load(&artifact, None, DEFAULT_STACK).map_err(|why| said(&why))?;
        let program = runtime.link(&loaded.component, &Grants::all()).map_err(|why| said(&why))?;
        let method = match (method, program.function("run")) {
            (Some(method), _) => method.to_owned(),
            (None, Ok(run)) => run.full_name(),
            (None, Err(_)) => {
                let all: Vec<String> = offered(&program).iter().map(|f| f.full_name()).collect();
                match all.as_slice() {
                    [only] => only.clone(),
                    [] => return Err(said(&"it exports no function")),
                    several => {
                        let why = format!("it exports {}; name one", listed(several));
                        return Err(said(&why));
                    }
                }
            }
        };
        let mut spec =
            ProcessSpec::new(&name, &loaded, program, &method).map_err(|why| said(&why))?;
        spec.path = Some(path.to_owned());
        if let Some(file) = path.file_name() {
            spec.program_name = file.to_string_lossy().into_owned();
        }
        Ok(spec)
    }
}

impl WasiSetup {
    /// The same setup with a directory of the machine, which the guest knows by another
    /// path and may change or not.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn dir(
        mut self,
        host: impl AsRef<Path>,
        guest: impl Into<String>,
        read_only: bool,
    ) -> Result<WasiSetup, Failure> {
        let host = host.as_ref();
        let opened = open_together(&[(host, !read_only)]).pop();
        let said = |why: &dyn std::fmt::Display| Failure::new(format!("{}: {why}", host.display()));
        let dir = match opened {
            Some(opened) => opened.map_err(|why| said(&why))?,
            None => return Err(said(&"it cannot be opened")),
        };
        self.dirs.push(WasiDir { guest: guest.into(), dir, read_only });
        Ok(self)
    }
}

impl Node {
    /// A node with the hosts and the programs of the project in a directory. Its services
    /// are started by a [`Supervisor`](crate::host::Supervisor).
    ///
    /// # Errors
    ///
    /// With all that is wrong with the project, or if the system has no threads.
    pub fn of_project(dir: impl AsRef<Path>) -> Result<Node, Failure> {
        let project = Project::load(dir).into_result()?;
        project.create_files()?;
        let programs = ProjectPrograms::new(project, Runtime::with_all_imports()?);
        let node = Node::new(programs.clone());
        for (id, options) in programs.hosts() {
            node.add_host(&id, options)?;
        }
        Ok(node)
    }
}
