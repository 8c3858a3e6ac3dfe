use std::path::{Path, PathBuf};

use miette::{Result, miette};

use super::super::account::Account;
use super::super::write;
use super::programs::Programs;
use crate::process;

/// The options that all servers of a launcher share.
pub(super) const OPTIONS: &str = "own.cnf";

/// What a launcher does, behind the lines that say where everything is. The server takes the place of the shell, so
/// that whoever called it can send it signals.
const SCRIPT: &str = r#"
case $1 in
make)
    folder=$(mktemp -d "$folders/own-XXXXXX")
    cp -a "$pristine" "$folder/data"
    # Each server makes an identity and keys of its own.
    rm -f "$folder"/data/auto.cnf "$folder"/data/*.pem
    chmod 755 "$folder"
    if [ -n "$account" ]; then chown "$account" "$folder"; fi
    echo "$folder"
    ;;
serve)
    folder="$inside/${2##*/}"
    port=$3
    shift 3
    exec $program "--defaults-file=$inside/own.cnf" "--datadir=$folder/data" "--socket=$folder/mysqld.sock" \
        "--pid-file=$folder/mysqld.pid" "--port=$port" "$@"
    ;;
*)
    echo "make | serve FOLDER PORT [OPTION]..." >&2
    exit 2
    ;;
esac
"#;

/// Writes a script into the folder of a server, by which tests make, start and stop servers of their own: `make`
/// prints a folder with data that no server has used, `serve FOLDER PORT [OPTION]...` becomes a server of that data.
/// Its administrator is that of the server in the folder.
pub(super) fn write_script(programs: &Programs, folder: &Path, pristine: &Path) -> Result<PathBuf> {
    let Programs { server, account, root, .. } = programs;
    let numbers = account.map(|Account { uid, gid }| (uid, gid));
    let program = match (root, numbers) {
        (Some(root), Some((uid, gid))) => {
            let root = word(root.path())?;
            format!("chroot --userspec={uid}:{gid} {root} {}", word(server)?)
        }
        (None, Some((uid, gid))) => {
            process::find("setpriv").ok_or_else(|| miette!("setpriv is not installed"))?;
            format!("setpriv --reuid={uid} --regid={gid} --clear-groups {}", word(server)?)
        }
        (Some(_), None) => return Err(miette!("only root can change to another root")),
        (None, None) => word(server)?.to_owned(),
    };
    let account = numbers.map_or_else(String::new, |(uid, gid)| format!("{uid}:{gid}"));
    let inside = programs.inside(folder);
    let (folders, inside, pristine) = (word(folder)?, word(&inside)?, word(pristine)?);
    let head = format!(
        "#!/bin/sh\nset -eu\nfolders={folders}\ninside={inside}\npristine={pristine}\naccount={account}\n\
         program='{program}'\n"
    );
    let script = folder.join("own.sh");
    write(&script, &format!("{head}{SCRIPT}"))?;
    Ok(script)
}

/// Returns a path as a word of the shell's; one that the shell would read in another way is refused.
fn word(path: &Path) -> Result<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    let text = path.to_str().filter(|text| text.chars().all(is_plain));
    text.ok_or_else(|| miette!("`{}` has characters that the shell reads", path.display()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::Family;
    use super::*;

    #[test]
    fn a_script_makes_folders_and_becomes_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let pristine = folder.path().join("pristine");
        std::fs::create_dir(&pristine).unwrap();
        for name in ["ibdata1", "auto.cnf", "server-key.pem"] {
            std::fs::write(pristine.join(name), "").unwrap();
        }
        let programs = Programs {
            family: Family::Mysql,
            server: "/bin/echo".into(),
            version: "9.7.4".to_owned(),
            account: None,
            root: None,
        };
        let script = write_script(&programs, folder.path(), &pristine).unwrap();
        let made = process::capture(Command::new("sh").arg(&script).arg("make")).unwrap();
        let made = Path::new(made.trim());
        let names: Vec<_> =
            std::fs::read_dir(made.join("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["ibdata1"]);
        let printed =
            process::capture(Command::new("sh").arg(&script).arg("serve").arg(made).args(["4000", "--skip-ssl"]))
                .unwrap();
        assert!(printed.starts_with("--defaults-file=") && printed.ends_with("--port=4000 --skip-ssl\n"), "{printed}");
        assert!(printed.contains(&format!("--datadir={}/data", made.display())), "{printed}");
    }

    #[test]
    fn paths_that_a_shell_would_read_are_refused() {
        assert!(word(Path::new("/tmp/rivet-servers-aB3/x.cnf")).is_ok());
        for path in ["/tmp/my folder", "/tmp/$HOME", "/tmp/it's"] {
            assert!(word(Path::new(path)).is_err(), "{path}");
        }
    }
}
