//! The source files as text.

use std::collections::BTreeSet;
use std::path::Path;

/// One file below `src`.
pub(crate) struct File {
    /// From the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Every file, in order of its path.
    pub(crate) fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        collect(root, &root.join("src"), &mut files);
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files
    }

    /// The top-level module that it belongs to; none for `main.rs` and `lib.rs`.
    pub(crate) fn top_module(&self) -> Option<String> {
        let inside = self.path.strip_prefix("src/").unwrap();
        let first = inside.split('/').next().unwrap().trim_end_matches(".rs");
        (first != "main" && first != "lib").then(|| first.to_owned())
    }

    /// Whether it is the root of a top-level module.
    pub(crate) fn is_top(&self) -> bool {
        self.path.matches('/').count() == 1 && self.top_module().is_some()
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    pub(crate) fn stem(&self) -> &str {
        Path::new(&self.path).file_stem().unwrap().to_str().unwrap()
    }

    /// The text without comments.
    pub(crate) fn code(&self) -> String {
        self.text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }

    /// The top-level modules that it names by `crate::`. Tests may look further than the code that they test.
    pub(crate) fn uses_of_crate(&self) -> BTreeSet<String> {
        if self.is_test() {
            return BTreeSet::new();
        }
        let code = self.code();
        let mut used = BTreeSet::new();
        for (place, found) in code.match_indices("crate::") {
            let rest = &code[place + found.len()..];
            if let Some(list) = rest.strip_prefix('{') {
                let list = list.split('}').next().unwrap();
                used.extend(list.split(',').map(|item| word(item.trim())));
            } else {
                used.insert(word(rest));
            }
        }
        used.remove("");
        used
    }

    /// Whether the code names this crate.
    pub(crate) fn names_crate(&self, name: &str) -> bool {
        let code = self.code();
        let path = format!("{name}::");
        code.match_indices(&path).any(|(place, _)| {
            let before = code[..place].chars().next_back();
            !before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':')
        })
    }
}

fn word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push(File { path, text });
        }
    }
}
