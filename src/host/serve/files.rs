//! Files of a directory: `http.static`.
//!
//! A path leads to a file below the directory and nowhere else: cap-std sees to links
//! and `..`, and what begins with a dot is not served, for there lie the secrets of
//! projects (`.well-known` is the exception that the web has made). Files are opened,
//! looked at and read on the blocking pool, small ones in one go.

mod asked;

use std::{
    fs::File,
    future::Future,
    io::{self, Read, Seek, SeekFrom},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{SystemTime, UNIX_EPOCH},
};

use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::fs::OpenOptions;
use hyper::{
    HeaderMap, Method, StatusCode,
    body::Bytes,
    header::{self, HeaderValue},
};
use smol::Task;

use self::asked::{Unsatisfiable, is_among, kind_of, name_of, part};
use super::{
    answer::{Answer, empty, plain},
    body::Content,
};
use crate::{
    command::{ErrorKind, ProcessError},
    registry::{Entry, HttpStatic, Problem, Project},
    world::Directory,
};

/// Bytes that are read at a time.
const PIECE: u64 = 64 << 10;

/// Files below a path.
#[derive(Clone, Debug)]
pub(in crate::host) struct Files {
    /// `/`, or `/a/b`.
    pub path: String,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The directory, or why it cannot be had.
    dir: Result<Directory, String>,
    /// Within it; empty for all of it.
    below: String,
    index: String,
    spa: bool,
    cache: Option<HeaderValue>,
}

impl Files {
    /// The files of an entry.
    pub fn of_project(project: &Project, entry: &HttpStatic) -> Files {
        let HttpStatic { path, fs, directory, index, spa, cache, .. } = entry;
        let dir = match project.directory(fs) {
            None => Err(format!("{fs}, which is no directory")),
            Some(dir) => dir.map_err(|why| format!("{fs}: {why}")),
        };
        let cache = cache.as_ref().and_then(|cache| HeaderValue::from_str(cache).ok());
        let (below, index) = (directory.clone(), index.clone());
        let inner = Inner { dir, below, index, spa: *spa, cache };
        Files { path: path.clone(), inner: Arc::new(inner) }
    }

    /// Whether they can be served.
    pub fn check(&self) -> Result<(), ProcessError> {
        match self.unfit() {
            None => Ok(()),
            Some((_, why)) => Err(ProcessError::new(ErrorKind::Invalid, why)),
        }
    }

    /// The fault of an entry's directory.
    pub fn problem(&self, entry: &Entry) -> Option<Problem> {
        let (field, found) = self.unfit()?;
        let fix = match field {
            "fs" => "create the directory, or add to its fs.directory entry: auto_init: true",
            _ => "create the directory, or leave the field out for all of fs",
        };
        Some(entry.problem(field, found, "a directory that can be read", fix))
    }

    /// The field that is wrong, and what has been found.
    fn unfit(&self) -> Option<(&'static str, String)> {
        let inner = &self.inner;
        let dir = match &inner.dir {
            Ok(dir) => dir,
            Err(why) => return Some(("fs", why.clone())),
        };
        if inner.below.is_empty() {
            return None;
        }
        match dir.metadata(&inner.below) {
            Ok(meta) if meta.is_dir() => None,
            Ok(_) => Some(("directory", format!("`{}`, which is no directory", inner.below))),
            Err(error) => Some(("directory", format!("`{}`: {error}", inner.below))),
        }
    }

    /// What is left of a path that is theirs.
    fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        match &*self.path {
            "/" => path.strip_prefix('/'),
            own => match path.strip_prefix(own)? {
                "" => Some(""),
                rest => rest.strip_prefix('/'),
            },
        }
    }

    /// Whether a path is one of theirs.
    pub fn covers(&self, path: &str) -> bool {
        self.rest(path).is_some()
    }

    /// The file that a path names.
    pub async fn answer(&self, method: &Method, path: &str, asked: &HeaderMap) -> Answer {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "allowed: GET, HEAD");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let nothing = || plain(StatusCode::NOT_FOUND, "there is nothing at this path");
        let Some(name) = self.rest(path).and_then(name_of) else { return nothing() };
        let (inner, slash) = (self.inner.clone(), path.ends_with('/'));
        match smol::unblock(move || inner.look(&name, slash)).await {
            Ok(Some(Look::File(found))) => self.send(found, asked),
            Ok(Some(Look::Directory)) => {
                let mut answer = empty(StatusCode::MOVED_PERMANENTLY);
                match HeaderValue::from_str(&format!("{path}/")) {
                    Ok(to) => answer.headers_mut().insert(header::LOCATION, to),
                    Err(_) => return nothing(),
                };
                answer
            }
            Ok(None) => nothing(),
            Err(error) => {
                tracing::warn!(path = self.path, "a file cannot be read: {error}");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read")
            }
        }
    }

    fn send(&self, found: Found, asked: &HeaderMap) -> Answer {
        let Found { file, first, len, modified, kind } = found;
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let tag = since.map(|since| format!("\"{len:x}-{:x}\"", since.as_nanos()));
        let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let date = modified.map(httpdate::fmt_http_date);
        let fresh = match (text(header::IF_NONE_MATCH), text(header::IF_MODIFIED_SINCE)) {
            (Some(tags), _) => tag.as_ref().is_some_and(|tag| is_among(tags, tag)),
            (None, Some(time)) => match (httpdate::parse_http_date(time), since) {
                (Ok(time), Some(since)) => time
                    .duration_since(UNIX_EPOCH)
                    .is_ok_and(|time| since.as_secs() <= time.as_secs()),
                _ => false,
            },
            (None, None) => false,
        };
        let condition = text(header::IF_RANGE);
        let holds =
            condition.is_none_or(|c| tag.as_deref() == Some(c) || date.as_deref() == Some(c));
        let wanted = text(header::RANGE).filter(|_| holds).and_then(|range| part(range, len));
        let mut answer = match (fresh, &wanted) {
            (true, _) => empty(StatusCode::NOT_MODIFIED),
            (false, Some(Err(Unsatisfiable))) => {
                plain(StatusCode::RANGE_NOT_SATISFIABLE, "the file has no such part")
            }
            (false, part) => {
                let (from, to) = match part {
                    Some(Ok(part)) => *part,
                    Some(Err(Unsatisfiable)) | None => (0, len),
                };
                let whole = usize::try_from(from).ok().zip(usize::try_from(to).ok());
                let content = match (first, whole) {
                    // It has been read already.
                    (Some(bytes), Some((from, to))) if bytes.get(from..to).is_some() => {
                        Content::of(bytes.slice(from..to))
                    }
                    _ => Content::File(Reading::new(file, from, to.saturating_sub(from))),
                };
                let mut answer = Answer::new(content);
                if part.is_some() {
                    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                    let range = format!("bytes {from}-{}/{len}", to.saturating_sub(1));
                    put(&mut answer, header::CONTENT_RANGE, &range);
                }
                answer
            }
        };
        if let Some(Err(Unsatisfiable)) = wanted {
            put(&mut answer, header::CONTENT_RANGE, &format!("bytes */{len}"));
            return answer;
        }
        let headers = answer.headers_mut();
        if !fresh {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        // Browsers guess types otherwise, and run what is no script.
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.extend(self.inner.cache.clone().map(|cache| (header::CACHE_CONTROL, cache)));
        if let Some(tag) = tag {
            put(&mut answer, header::ETAG, &tag);
        }
        if let Some(date) = date {
            put(&mut answer, header::LAST_MODIFIED, &date);
        }
        answer
    }
}

fn put(answer: &mut Answer, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// What is at a path.
enum Look {
    File(Found),
    /// A directory that is named without a slash.
    Directory,
}

/// A file that is open.
struct Found {
    file: File,
    /// All of it, if it is small.
    first: Option<Bytes>,
    len: u64,
    modified: Option<SystemTime>,
    kind: &'static str,
}

impl Inner {
    /// The file of a name, or that which stands for it.
    fn look(&self, name: &str, slash: bool) -> io::Result<Option<Look>> {
        let Ok(dir) = &self.dir else { return Ok(None) };
        let join = |name: &str| match (self.below.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => self.below.clone(),
            (false, false) => format!("{}/{name}", self.below),
        };
        let is_dir = name.is_empty() || dir.metadata(join(name)).is_ok_and(|meta| meta.is_dir());
        let found = match (is_dir, slash) {
            (true, false) => return Ok(Some(Look::Directory)),
            (true, true) if self.index.is_empty() => None,
            (true, true) => {
                let index = if name.is_empty() {
                    self.index.clone()
                } else {
                    format!("{name}/{}", self.index)
                };
                open(dir, &join(&index))?
            }
            // A file is no directory.
            (false, true) => None,
            (false, false) => open(dir, &join(name))?,
        };
        let found = match found {
            None if self.spa => open(dir, &join(&self.index))?,
            found => found,
        };
        Ok(found.map(Look::File))
    }
}

/// The file of a name, if there is one and it is a file.
fn open(dir: &Directory, name: &str) -> io::Result<Option<Found>> {
    let mut options = OpenOptions::new();
    // So that a pipe holds up nobody.
    options.read(true).nonblock(true);
    let file = match dir.open_with(name, &options) {
        Ok(file) => file.into_std(),
        Err(error) => {
            // What leads out of the directory is not there either.
            tracing::debug!(name, "no file: {error}");
            return Ok(None);
        }
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(None);
    }
    let (len, modified) = (meta.len(), meta.modified().ok());
    let mut found = Found { file, first: None, len, modified, kind: kind_of(name) };
    if len <= PIECE {
        let mut bytes = Vec::new();
        (&found.file).take(len).read_to_end(&mut bytes)?;
        // It may have become shorter just now.
        found.len = bytes.len() as u64;
        found.first = Some(bytes.into());
    }
    Ok(Some(found))
}

/// A part of a file on its way.
pub(super) struct Reading {
    file: Option<File>,
    at: u64,
    left: u64,
    task: Option<Task<(File, io::Result<Bytes>)>>,
}

impl Reading {
    fn new(file: File, at: u64, left: u64) -> Reading {
        Reading { file: Some(file), at, left, task: None }
    }

    /// Bytes that are to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next piece.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.task.is_none() {
            let Some(mut file) = self.file.take() else { return Poll::Ready(None) };
            let (at, len) = (self.at, self.left.min(PIECE));
            self.task = Some(smol::unblock(move || {
                let mut bytes = Vec::new();
                let read = file.seek(SeekFrom::Start(at));
                let read = read.and_then(|_| (&file).take(len).read_to_end(&mut bytes));
                let bytes = read.and_then(|_| match bytes.is_empty() {
                    true => Err(io::Error::other("the file has become shorter")),
                    false => Ok(Bytes::from(bytes)),
                });
                (file, bytes)
            }));
        }
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let (file, bytes) = ready!(Pin::new(task).poll(cx));
        (self.task, self.file) = (None, Some(file));
        if let Ok(bytes) = &bytes {
            let len = bytes.len() as u64;
            self.at = self.at.saturating_add(len);
            self.left = self.left.saturating_sub(len);
        }
        Poll::Ready(Some(bytes))
    }
}
