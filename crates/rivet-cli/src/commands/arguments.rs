use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rivet_config::{Config, Environment, Overrides};

use crate::failure::Failure;

/// Which configuration a command reads.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// The configuration.
    #[arg(short, long, value_name = "FILE", default_value = "rivet.yaml")]
    config: PathBuf,
    /// What `${KEY}` in a query stands for; may be given several times.
    #[arg(short, long = "param", value_name = "KEY=VALUE")]
    params: Vec<String>,
}

impl ConfigArgs {
    /// Reads and judges the configuration.
    pub(crate) fn load(&self, environment: &Environment) -> Result<Config, Failure> {
        load(&self.config, &self.params, environment)
    }
}

/// Reads and judges a configuration, with parameters as the command line has them.
pub(super) fn load(path: &Path, texts: &[String], environment: &Environment) -> Result<Config, Failure> {
    let overrides = Overrides { params: params(texts)?, parallel_exports: None };
    Ok(rivet_config::load(path, environment, &overrides)?)
}

/// Takes parameters apart. Not done by clap, which would repeat a wrong one in its error: it may be a secret.
fn params(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut params = BTreeMap::new();
    for (position, text) in texts.iter().enumerate() {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => params.insert(key.to_owned(), value.to_owned()),
            _ => {
                let message = format!("`--param` number {} is not of the form `KEY=VALUE`", position + 1);
                return Err(Failure::usage(message, "Write it as `-p day=2026-01-31`."));
            }
        };
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_split_at_the_first_sign() {
        let check = |texts: &[&str], expected: Option<&[(&str, &str)]>| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let found = params(&texts).ok();
            let expected = expected.map(|pairs| {
                pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
            });
            assert_eq!(found, expected, "{texts:?}");
        };
        check(&[], Some(&[]));
        check(
            &["day=2026-01-01", "where=a=b", "empty="],
            Some(&[("day", "2026-01-01"), ("where", "a=b"), ("empty", "")]),
        );
        check(&["a=1", "a=2"], Some(&[("a", "2")]));
        check(&["=value"], None);
        check(&["a=1", "secret"], None);
    }
}
