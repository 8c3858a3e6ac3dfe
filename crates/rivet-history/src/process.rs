use rivet_model::ProcessRecord;

/// What stands for a host name that can't be found out.
const UNKNOWN: &str = "unknown";

/// Returns the id of this process and the name of the machine it runs on.
///
/// The name is asked of the operating system, never of the environment; it is `unknown` where there is none.
pub fn this_process() -> ProcessRecord {
    ProcessRecord { pid: std::process::id(), host: host_name() }
}

#[cfg(unix)]
fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| UNKNOWN.to_owned())
}

#[cfg(not(unix))]
fn host_name() -> String {
    UNKNOWN.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_an_id_and_a_host() {
        let process = this_process();
        assert_eq!(process.pid, std::process::id());
        assert!(!process.host.is_empty());
    }
}
