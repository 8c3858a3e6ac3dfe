use std::collections::BTreeMap;
use std::fmt;

/// The environment variables that a configuration may read: those of the process, or a set given by the caller.
///
/// It is the one door to the environment in the whole workspace. Its `Debug` form shows no values.
///
/// ```
/// use rivet_config::Environment;
///
/// let environment = Environment::from_iter([("DB_PASSWORD", "not shown")]);
/// assert_eq!(environment.get("DB_PASSWORD"), Some("not shown"));
/// assert!(!format!("{environment:?}").contains("not shown"));
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Copies the variables of the process. Those that are not UTF-8 are left out.
    pub fn process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Returns an environment without variables.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Returns the value of a variable, where it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Returns all variables, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the names of all variables, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.variables.len())
    }
}
