//! What a process is given of the world: arguments, variables, directories.

use std::{fmt, sync::Arc};

use crate::{
    artifact::{ArtifactError, directory, file},
    host::node::stage::StagedWorld,
    imports::wasi::{Preopen, WasiConfig},
    network::Network,
    registry::{Authorities, Entry, Problem, Project, Wasi},
    world::{Directory, HttpClient, Streams, SystemDispatcher},
};

/// Bytes that a file of certificate authorities may have.
const MAX_AUTHORITIES: u64 = 16 << 20;

/// The world of a process. By default nothing but its standard streams.
#[derive(Clone, Debug, Default)]
pub struct WasiSetup {
    /// The arguments after the program's name.
    pub args: Vec<String>,
    /// The variables, in the order in which the guest sees them.
    pub env: Arc<[(String, String)]>,
    /// Where relative paths begin, in the guest.
    pub cwd: Option<String>,
    /// The directories.
    pub dirs: Vec<WasiDir>,
    /// Makes its requests; one that all share, if there is none.
    pub http: Option<Arc<HttpClient>>,
    /// To whom it may talk.
    pub network: Arc<Network>,
}

/// A directory for a process.
#[derive(Clone)]
pub struct WasiDir {
    /// Where the guest sees it.
    pub guest: String,
    /// The directory, open: all processes share it.
    pub dir: Directory,
    /// The guest can only read.
    pub read_only: bool,
}

impl fmt::Debug for WasiDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.read_only { "ro" } else { "rw" };
        write!(f, "{}:{mode}", self.guest)
    }
}

impl WasiSetup {
    /// The setup that an entry's `wasi` block describes.
    ///
    /// # Errors
    ///
    /// If a required variable has no value, or a directory cannot be opened.
    pub(in crate::host) fn of_entry(
        project: &Project,
        entry: &Entry,
        wasi: &Wasi,
    ) -> Result<WasiSetup, Box<Problem>> {
        let mut given =
            WasiSetup { args: wasi.args.clone(), cwd: wasi.cwd.clone(), ..WasiSetup::default() };
        let mut env = Vec::with_capacity(wasi.env.len());
        for (i, variable) in wasi.env.iter().enumerate() {
            let (id, name) = (&variable.id, &variable.name);
            let value = project.environment().lookup(id).map_err(|why| {
                let field = format!("wasi.env[{i}].id");
                Box::new(entry.problem(&field, why.to_string(), "a variable that can be read", ""))
            })?;
            match value {
                Some(value) => env.push((name.clone(), value)),
                None if variable.required => {
                    return Err(Box::new(entry.problem(
                        &format!("wasi.env[{i}]"),
                        format!("{id} has no value, and {name} is required"),
                        "a value in the variable's storage, or a `default`",
                        format!("set it, or take `required: true` away from {name}"),
                    )));
                }
                None => {}
            }
        }
        given.env = env.into();
        given.network = Arc::new(wasi.network.clone().unwrap_or(Network::ALL));
        for (i, mount) in wasi.mounts.iter().enumerate() {
            let dir = match directory(project, &mount.fs) {
                Ok(dir) => dir,
                Err(ArtifactError::NoDirectory(_)) => continue,
                Err(error) => {
                    let field = format!("wasi.mounts[{i}].fs");
                    let problem =
                        entry.problem(&field, error.found(), error.expected(), error.fix());
                    return Err(Box::new(problem.that_may_pass(error.may_pass())));
                }
            };
            let (guest, read_only) = (mount.guest.clone(), mount.read_only);
            given.dirs.push(WasiDir { guest, dir, read_only });
        }
        if let Some(Authorities { fs, path }) = &wasi.ca {
            let problem = |found: String, expected: &str, fix: String| {
                Box::new(entry.problem("wasi.ca", found, expected, fix))
            };
            match file(project, fs, path, MAX_AUTHORITIES) {
                Ok(pem) => {
                    let client = HttpClient::with_authorities(&pem).map_err(|why| {
                        let expected = "certificates in PEM";
                        problem(format!("{path}: {why}"), expected, String::new())
                    })?;
                    given.http = Some(Arc::new(client));
                }
                // The directory's own entry is what is wrong.
                Err(ArtifactError::NoDirectory(_)) => {}
                Err(error) => {
                    let (found, expected) = (error.found(), error.expected());
                    let problem = entry.problem("wasi.ca", found, expected, error.fix());
                    return Err(Box::new(problem.that_may_pass(error.may_pass())));
                }
            }
        }
        Ok(given)
    }

    /// The world of one process, and what the process begins with in it. `words` are
    /// more arguments.
    pub(in crate::host) fn to(
        &self,
        program: &str,
        words: Vec<String>,
        streams: Streams,
    ) -> (SystemDispatcher, WasiConfig) {
        let world = SystemDispatcher::new(streams);
        if let Some(http) = &self.http {
            world.set_http(Arc::clone(http));
        }
        world.set_network(Arc::clone(&self.network));
        let mut preopens = Vec::with_capacity(self.dirs.len());
        for WasiDir { guest, dir, read_only } in &self.dirs {
            let dir = world.add_dir(dir.clone(), *read_only);
            preopens.push(Preopen { guest: guest.clone(), dir, read_only: *read_only });
        }
        (world, self.config(program, words, preopens))
    }

    /// The beginning of a process in a world that is not the machine's.
    pub(in crate::host) fn to_staged(
        &self,
        program: &str,
        words: Vec<String>,
        world: &dyn StagedWorld,
    ) -> WasiConfig {
        let preopen = |WasiDir { guest, dir, read_only }: &WasiDir| {
            let dir = world.add_dir(dir, *read_only);
            Preopen { guest: guest.clone(), dir, read_only: *read_only }
        };
        world.set_network(self.network.clone());
        self.config(program, words, self.dirs.iter().map(preopen).collect())
    }

    fn config(&self, program: &str, words: Vec<String>, preopens: Vec<Preopen>) -> WasiConfig {
        let mut args = vec![program.to_owned()];
        args.extend(self.args.iter().cloned().chain(words));
        WasiConfig { args, env: self.env.clone(), cwd: self.cwd.clone(), preopens }
    }
}
