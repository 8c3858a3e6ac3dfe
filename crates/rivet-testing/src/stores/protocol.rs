use std::fmt;

use super::bucket::{S3_KEY, S3_SECRET};

/// The account that every Azurite has.
pub const AZURE_ACCOUNT: &str = "devstoreaccount1";

/// Its key, which is no secret.
pub const AZURE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// How an object store is spoken to. Tests run on all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Amazon's S3.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Protocol {
    /// Returns its word in configurations and in the names of tests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }

    /// Returns the variables that the destinations of tests name, with their values.
    pub fn secrets(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::S3 => &[("S3_KEY", S3_KEY), ("S3_SECRET", S3_SECRET)],
            Self::Gcs => &[],
            Self::Azure => &[("AZURE_KEY", AZURE_KEY)],
        }
    }

    /// Returns the variables with the program of its server, and with the address of one that somebody else runs.
    pub(super) fn variables(self) -> (&'static str, &'static str) {
        match self {
            Self::S3 => ("RIVET_TEST_S3_SERVER", "RIVET_TEST_S3_URL"),
            Self::Gcs => ("RIVET_TEST_GCS_SERVER", "RIVET_TEST_GCS_URL"),
            Self::Azure => ("RIVET_TEST_AZURE_SERVER", "RIVET_TEST_AZURE_URL"),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes three tests of each function that takes a [`Protocol`]: `<function>::s3`, `<function>::gcs` and
/// `<function>::azure`, so that the names say which server each of them needs.
#[macro_export]
macro_rules! on_every_store {
    ($($function:ident),+ $(,)?) => {
        $(
            mod $function {
                #[test]
                fn s3() {
                    super::$function($crate::Protocol::S3);
                }

                #[test]
                fn gcs() {
                    super::$function($crate::Protocol::Gcs);
                }

                #[test]
                fn azure() {
                    super::$function($crate::Protocol::Azure);
                }
            }
        )+
    };
}
