//! Where the programs of the control plane are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TOOLS: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

/// The folder with the programs; builds them where they are missing, which takes minutes and says so on stderr.
pub(super) fn folder() -> PathBuf {
    if let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS") {
        let folder = PathBuf::from(assets);
        let missing: Vec<_> = missing(&folder).collect();
        assert!(missing.is_empty(), "KUBEBUILDER_ASSETS is {}, which has no {missing:?}", folder.display());
        return folder;
    }
    let folder = cache();
    if missing(&folder).next().is_some() {
        build(&folder);
    }
    folder
}

fn missing(folder: &Path) -> impl Iterator<Item = &'static str> {
    TOOLS.into_iter().filter(|tool| !folder.join(tool).is_file())
}

fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map_or_else(
        || PathBuf::from(std::env::var_os("HOME").expect("HOME or XDG_CACHE_HOME is set")).join(".cache"),
        PathBuf::from,
    );
    base.join("bearward-tools")
}

fn build(folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/build-tools.sh");
    let status = Command::new(&script)
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", script.display()));
    assert!(status.success(), "{} failed; its output above says why", script.display());
}
