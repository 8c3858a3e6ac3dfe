use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::IntoIter;

use async_trait::async_trait;
use rivet_model::RunId;

use super::blocking;
use super::durable::{error, forget, make_folder, remove_empty, remove_file, sync_folder};
use super::error::StoreError;
use super::probe::{ProbeAction, ProbeOutcome, ProbeStep, StoreProbe};

/// What a probe holds: enough for a file system to need a block for it.
const BLOCK: [u8; 4_096] = [b'.'; 4_096];

/// Less room than this is worth a word: one part of a run may be larger.
const LITTLE_ROOM: u64 = 1 << 30;

const NO_FOLDER: &str = "there is no folder to try it in";
const NO_PROBE: &str = "no probe could be written";

/// Tries a folder with one file of its own.
#[derive(Debug)]
pub(super) struct LocalProbe {
    actions: IntoIter<ProbeAction>,
    /// Locked by the step that goes on, which may be one that nobody waits for any more.
    trial: Arc<Mutex<Trial>>,
}

impl LocalProbe {
    pub(super) fn new(root: &Path) -> Self {
        let actions = vec![
            ProbeAction::Folder,
            ProbeAction::Room,
            ProbeAction::Put,
            ProbeAction::Get,
            ProbeAction::Rename,
            ProbeAction::Create,
            ProbeAction::Delete,
        ];
        let run = RunId::generate();
        let trial = Trial {
            root: root.to_owned(),
            before: root.join(format!(".rivet-check-{run}.tmp")),
            after: root.join(format!(".rivet-check-{run}")),
            made: Vec::new(),
            has_folder: false,
            written: None,
        };
        Self { actions: actions.into_iter(), trial: Arc::new(Mutex::new(trial)) }
    }
}

/// What is tried, on a thread that may block. A step that was begun is always done to its end.
#[derive(Debug)]
struct Trial {
    root: PathBuf,
    before: PathBuf,
    after: PathBuf,
    /// Folders that were missing, the outermost first.
    made: Vec<PathBuf>,
    has_folder: bool,
    /// The name that the probe has now.
    written: Option<PathBuf>,
}

impl Trial {
    fn attempt(&mut self, action: ProbeAction) -> ProbeOutcome {
        match action {
            ProbeAction::Folder => ProbeOutcome::of(self.find_folder()),
            _ if !self.has_folder => ProbeOutcome::Skipped(NO_FOLDER),
            ProbeAction::Room => self.look_for_room(),
            ProbeAction::Put => ProbeOutcome::of(self.write()),
            _ if self.written.is_none() => ProbeOutcome::Skipped(NO_PROBE),
            ProbeAction::Get => ProbeOutcome::of(self.read()),
            ProbeAction::Rename => ProbeOutcome::of(self.rename()),
            ProbeAction::Create => self.create(),
            ProbeAction::Delete => ProbeOutcome::of(self.remove()),
            // Of object stores alone.
            ProbeAction::List | ProbeAction::Multipart | ProbeAction::Abort | ProbeAction::Uploads => {
                ProbeOutcome::Passed(None)
            }
        }
    }

    fn find_folder(&mut self) -> Result<(), StoreError> {
        self.made = make_folder(&self.root)?;
        self.has_folder = true;
        Ok(())
    }

    fn look_for_room(&self) -> ProbeOutcome {
        let free = match free_room(&self.root) {
            Ok(Some(free)) => free,
            Ok(None) => return ProbeOutcome::Skipped("this system does not tell"),
            Err(source) => return ProbeOutcome::Failed(StoreError::io("look at", self.root.display(), source)),
        };
        let text = format!("{}.{} GB are free", free / 1_000_000_000, free % 1_000_000_000 / 100_000_000);
        if free < LITTLE_ROOM {
            let message = if free < 1_000_000_000 { format!("{} MB are free", free / 1_000_000) } else { text };
            let help = "Free some room: a run needs as much as its files take, and those of earlier runs stay.";
            return ProbeOutcome::Warning { message, help: help.to_owned() };
        }
        ProbeOutcome::Passed(Some(text))
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let write = || {
            let mut file = File::create(&self.before)?;
            file.write_all(&BLOCK)?;
            file.sync_all()
        };
        if let Err(source) = write() {
            forget(&self.before);
            return Err(StoreError::io("write to", self.root.display(), source));
        }
        self.written = Some(self.before.clone());
        Ok(())
    }

    fn read(&self) -> Result<(), StoreError> {
        let path = self.written.as_ref().unwrap_or(&self.before);
        let found = fs::read(path).map_err(error("read from", &self.root))?;
        if found == BLOCK {
            return Ok(());
        }
        let name = path.display().to_string();
        Err(StoreError::Damaged { name, reason: "it is not what was written".to_owned() })
    }

    fn rename(&mut self) -> Result<(), StoreError> {
        fs::rename(&self.before, &self.after).map_err(error("rename in", &self.root))?;
        self.written = Some(self.after.clone());
        sync_folder(&self.root)
    }

    /// A manifest is created by a second name for a file that is whole.
    fn create(&self) -> ProbeOutcome {
        let Some(written) = &self.written else { return ProbeOutcome::Skipped(NO_PROBE) };
        match fs::hard_link(written, written) {
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => ProbeOutcome::Passed(None),
            Ok(()) => ProbeOutcome::Warning {
                message: "this file system gave one name to two files".to_owned(),
                help: "Choose another file system: a manifest must not replace another one.".to_owned(),
            },
            Err(source) => ProbeOutcome::Warning {
                message: format!("this file system has no hard links ({source})"),
                help:
                    "Make sure that one process at a time runs an export, or choose another file system: its manifest \
                       gets its name by a rename."
                        .to_owned(),
            },
        }
    }

    /// Removes what was made, and the folders that were missing.
    fn remove(&mut self) -> Result<(), StoreError> {
        if let Some(written) = self.written.take() {
            remove_file(&written)?;
            sync_folder(&self.root)?;
        }
        Ok(())
    }

    fn clean(&mut self) -> Result<(), StoreError> {
        let removed = self.remove();
        forget(&self.before);
        forget(&self.after);
        remove_empty(&std::mem::take(&mut self.made));
        removed
    }
}

/// Returns the bytes that this user may still write.
#[cfg(unix)]
fn free_room(folder: &Path) -> io::Result<Option<u64>> {
    let found = nix::sys::statvfs::statvfs(folder)?;
    Ok(Some(wide(found.blocks_available()).saturating_mul(wide(found.fragment_size()))))
}

/// Takes a number that has 32 bits on some systems and 64 on others.
#[cfg(unix)]
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

#[cfg(not(unix))]
fn free_room(_folder: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

#[async_trait]
impl StoreProbe for LocalProbe {
    async fn step(&mut self) -> Option<ProbeStep> {
        let action = self.actions.next()?;
        let trial = Arc::clone(&self.trial);
        let outcome = blocking(move || locked(&trial).attempt(action)).await;
        Some(ProbeStep { action, outcome })
    }

    async fn clean(self: Box<Self>) -> Result<(), StoreError> {
        let trial = Arc::clone(&self.trial);
        blocking(move || locked(&trial).clean()).await
    }
}

fn locked(trial: &Mutex<Trial>) -> MutexGuard<'_, Trial> {
    trial.lock().unwrap_or_else(PoisonError::into_inner)
}
