//! What `README.md` and `docs/` show works: YAML of our kinds is in order, commands are taken, links lead somewhere.
//!
//! A block that begins with `yaml bad` shows what is refused, and is left alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bearward::cli;
use bearward::compile::{Compiler, Defaults, Settings};
use bearward::finding::{Code, Finding, Severity};
use bearward::name::ObjectKey;
use bearward::resources::Update;
use bearward::sources::files;

/// A fenced block of a document.
struct Block {
    /// The document and the line of its fence.
    place: String,
    /// What stands behind the fence.
    info: String,
    text: String,
}

/// A document of ours.
struct Document {
    path: PathBuf,
    text: String,
}

fn documents() -> Vec<Document> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    paths.extend([root.join("README.md"), root.join("CONTRIBUTING.md")].into_iter().filter(|path| path.exists()));
    paths.sort();
    assert!(paths.len() > 3, "{paths:?}");
    let read = |path: PathBuf| Document { text: std::fs::read_to_string(&path).unwrap(), path };
    paths.into_iter().map(read).collect()
}

impl Document {
    fn name(&self) -> String {
        self.path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
    }

    /// The fenced blocks, and the lines that are in none.
    fn parts(&self) -> (Vec<Block>, Vec<&str>) {
        let (mut blocks, mut prose) = (Vec::new(), Vec::new());
        let mut open: Option<Block> = None;
        for (line, number) in self.text.lines().zip(1..) {
            match (line.trim_start().strip_prefix("```"), open.as_mut()) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(info), None) => {
                    let place = format!("{}:{number}", self.name());
                    open = Some(Block { place, info: info.trim().to_owned(), text: String::new() });
                }
                (None, Some(block)) => block.text.extend([line, "\n"]),
                (None, None) => prose.push(line),
            }
        }
        assert!(open.is_none(), "{}: a block is open at the end", self.name());
        (blocks, prose)
    }

    fn blocks(&self, infos: &[&str]) -> Vec<Block> {
        self.parts().0.into_iter().filter(|block| infos.contains(&block.info.as_str())).collect()
    }
}

#[test]
fn there_is_a_readme() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    assert!(Path::new(path).is_file(), "{path} is missing: the first thing that a new user looks for");
}

#[test]
fn every_resource_that_is_shown_is_in_order() {
    let mut wrong = Vec::new();
    for document in documents() {
        let blocks: Vec<_> = document.blocks(&["yaml"]).into_iter().filter(Block::has_objects).collect();
        for (index, block) in blocks.iter().enumerate() {
            let others = blocks.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
            for finding in findings(block, others) {
                wrong.push(format!("{}: {finding:?}", block.place));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Block {
    /// Whether it shows objects, and not a part of one.
    fn has_objects(&self) -> bool {
        self.text.lines().any(|line| line.starts_with("apiVersion:") || line.starts_with("kind:"))
    }
}

/// What is wrong with the objects of `block`. What it refers to and does not define may be in one of the `others`.
fn findings<'a>(block: &Block, others: impl Iterator<Item = &'a Block>) -> Vec<Finding> {
    let own = read(&block.text);
    let mut known: BTreeSet<ObjectKey> = own.iter().flat_map(keys).collect();
    let shown = known.clone();
    let mut compiler = Compiler::new(Settings {
        class: "bearward".into(),
        hosts_without_names: true,
        defaults: Defaults::default(),
        egress: Arc::new(|_| true),
        service_account: "bearward:bearward".into(),
    });
    let mut found = Vec::new();
    for (update, is_own) in own
        .into_iter()
        .map(|update| (update, true))
        .chain(others.flat_map(|other| read(&other.text)).map(|update| (update, false)))
    {
        let Update::Replace { scope, mut objects, findings, version } = update else { panic!("{update:?}") };
        if is_own {
            found.extend(findings);
        } else {
            objects.retain(|object| known.insert(object.key().clone()));
        }
        compiler.apply(Update::Replace { scope, objects, findings: Vec::new(), version });
    }
    for (key, verdict) in compiler.compile().verdicts {
        found.extend(verdict.iter().filter(|_| shown.contains(&key)).flat_map(|verdict| verdict.findings.clone()));
    }
    found.retain(|finding| finding.severity == Severity::Error && !is_of_a_cluster(finding));
    found
}

/// Secrets and Services are in a cluster already; a document need not show them.
fn is_of_a_cluster(finding: &Finding) -> bool {
    finding.code == Code::SecretNotFound || (finding.code == Code::BackendNotFound && finding.cause.contains("Service"))
}

/// Each text as a file of its own, by a path that no other has.
fn read(text: &str) -> Vec<Update> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.yaml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    files::read(vec![path], files::Settings::default()).updates
}

fn keys(update: &Update) -> Vec<ObjectKey> {
    let Update::Replace { objects, .. } = update else { panic!("{update:?}") };
    objects.iter().map(|object| object.key().clone()).collect()
}

#[test]
fn every_command_that_is_shown_is_taken() {
    let mut wrong = Vec::new();
    for block in documents().iter().flat_map(|document| document.blocks(&["sh", "shell", "console"])) {
        for words in commands(&block.text) {
            if let Err(error) = cli::parse(&words)
                && error.exit_code() != 0
            {
                wrong.push(format!("{}: {}\n{error}", block.place, words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The calls of bearward in a piece of shell, each with its words; redirections are left out.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        for mut words in simple_commands(line.trim_start().strip_prefix("$ ").unwrap_or(line)) {
            let is_setting = |word: &String| word.split_once('=').is_some_and(|(name, _)| is_variable(name));
            let settings = words.iter().take_while(|word| is_setting(word)).count();
            words.drain(..settings);
            if words.first().is_some_and(|word| word == "cargo") {
                let Some(dashes) = words
                    .iter()
                    .position(|word| word == "--")
                    .filter(|_| words.get(1).is_some_and(|word| word == "run"))
                else {
                    continue;
                };
                words.drain(..dashes);
                "bearward".clone_into(&mut words[0]);
            }
            if words.first().is_some_and(|word| word.rsplit('/').next() == Some("bearward")) {
                found.push(words);
            }
        }
    }
    found
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Splits a line where a shell does: at blanks, pipes, `&&` and `;`, but not within quotes; `#` begins a comment.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut skips = false;
    let mut characters = line.chars().chain([' ']).peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), character) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '<' | '>' | '|' | ';' | '&' | ' ') => {
                // `2>` is part of the redirection.
                let taken = word.take().filter(|word| !(character == '>' && word == "2"));
                if let Some(word) = taken
                    && !std::mem::take(&mut skips)
                {
                    commands.last_mut().unwrap().push(word);
                }
                match character {
                    '<' | '>' => {
                        skips = true;
                        characters.next_if(|next| matches!(next, '>' | '&'));
                    }
                    '|' | ';' | '&' => commands.push(Vec::new()),
                    _ => {}
                }
            }
            (_, character) => word.get_or_insert_default().push(character),
        }
    }
    assert!(quote.is_none(), "a quote is open: {line}");
    commands.retain(|words| !words.is_empty());
    commands
}

#[test]
fn calls_are_found_in_shell() {
    let text = "$ bearward check a.yaml # says what is wrong\nPORT=1 cargo run --release -- demo --http '[::1]:0' | head -1\n\
                bearward token mint --key k \\\n  --claim 'a=\"b c\"' > token 2>&1 && bearward token inspect < token; ls\n\
                cargo test\n/usr/bin/bearward crds 2>/dev/null\n# bearward nothing\n";
    let found: Vec<_> = commands(text).iter().map(|words| words.join("|")).collect();
    assert_eq!(
        found,
        [
            "bearward|check|a.yaml",
            "bearward|demo|--http|[::1]:0",
            "bearward|token|mint|--key|k|--claim|a=\"b c\"",
            "bearward|token|inspect",
            "/usr/bin/bearward|crds",
        ]
    );
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let (_, prose) = document.parts();
        for target in prose.iter().flat_map(|line| links(line)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let path = if file.is_empty() { document.path.clone() } else { document.path.parent().unwrap().join(file) };
            let is_there = match anchor {
                None => path.exists(),
                Some(anchor) => std::fs::read_to_string(&path).is_ok_and(|text| anchors(&text).contains(anchor)),
            };
            if !is_there {
                wrong.push(format!("{}: {target}", document.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The targets of the links in a line; what is in backquotes is none.
fn links(line: &str) -> Vec<&str> {
    let bare = line.split('`').step_by(2);
    bare.flat_map(|text| text.split("](").skip(1).filter_map(|rest| rest.split_once(')')))
        .map(|(target, _)| target.split(' ').next().unwrap_or(target))
        .collect()
}

/// What a heading can be reached by, as GitHub makes it.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let keeps = |character: &char| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(keeps).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn links_and_anchors_are_found() {
    assert_eq!(links("See [a](b.md), `[c](d)` and ![e](f.png \"title\")."), ["b.md", "f.png"]);
    assert_eq!(
        anchors("# What it does\n## `spec.hosts[]`, and more\n#no\n"),
        ["what-it-does".to_owned(), "spechosts-and-more".to_owned()].into()
    );
}
