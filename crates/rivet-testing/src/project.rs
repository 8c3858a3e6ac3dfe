use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::RivetCommand;

/// A folder with a `rivet.yaml`, in which the built binary runs. Removed when the value is dropped.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
    binary: PathBuf,
}

impl Project {
    /// Makes the folder. Tests of `rivet-cli` give `env!("CARGO_BIN_EXE_rivet")` as the binary.
    pub fn new(binary: impl AsRef<Path>, config: &str) -> Self {
        let folder = TempDir::with_prefix("rivet-project-").expect("the system's temporary folder can be written");
        let binary = std::path::absolute(binary).expect("the binary's path is not empty");
        let project = Self { folder, binary };
        project.write("rivet.yaml", config);
        project
    }

    /// Returns the path of something in the folder, whether it is there or not.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes a text file, and the folders that lead to it.
    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a test may write into its own folder");
        }
        fs::write(path, text).expect("a test may write into its own folder");
    }

    /// Returns every file below a folder, sorted; none where the folder is not there.
    pub fn all_files(&self, relative: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.path(relative)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }

    /// Returns the files below a folder whose names end with `.extension`, for example `csv.gz`, sorted. What is
    /// hidden, as the staging folder is, does not count.
    pub fn files(&self, relative: &str, extension: &str) -> Vec<PathBuf> {
        let suffix = format!(".{extension}");
        let mut files = self.all_files(relative);
        files.retain(|path| {
            let below = path.strip_prefix(self.folder.path()).unwrap_or(path).to_string_lossy();
            below.ends_with(&suffix) && !below.split('/').any(|part| part.starts_with('.'))
        });
        files
    }

    /// Makes a command that runs the binary in the folder.
    pub fn command(&self, arguments: &[&str]) -> RivetCommand {
        RivetCommand::new(&self.binary, self.folder.path()).args(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_ending_and_hidden_ones_are_not() {
        let project = Project::new("rivet", "exports: []");
        for name in ["out/b.parquet", "out/deep/a.parquet", "out/.staging/c.parquet", "out/manifest.json"] {
            project.write(name, "");
        }
        assert_eq!(
            project.files("out", "parquet"),
            [project.path("out/b.parquet"), project.path("out/deep/a.parquet")]
        );
        assert_eq!(project.all_files("out").len(), 4);
        assert!(project.files("elsewhere", "parquet").is_empty());
    }
}
