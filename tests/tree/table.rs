//! The table of modules as `docs/architecture.md` has it.

/// One row of the table.
struct Row {
    layer: u32,
    module: String,
    charter: String,
    may_use: Vec<String>,
}

/// The rows in order.
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Reads the document; rows begin with a number.
    pub(crate) fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/architecture.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<Row> = text.lines().filter_map(row).collect();
        assert!(rows.len() > 20, "the table of modules was not found in {path}");
        Self { rows }
    }

    pub(crate) fn modules(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.module.as_str())
    }

    pub(crate) fn has(&self, module: &str) -> bool {
        self.modules().any(|known| known == module)
    }

    pub(crate) fn charter(&self, module: &str) -> &str {
        &self.row(module).charter
    }

    pub(crate) fn layer(&self, module: &str) -> u32 {
        self.row(module).layer
    }

    /// Its place in the table, from the top.
    pub(crate) fn position(&self, module: &str) -> usize {
        self.modules().position(|known| known == module).unwrap()
    }

    /// Whether it may use every other.
    pub(crate) fn allows_all(&self, module: &str) -> bool {
        self.row(module).may_use.iter().any(|used| used == "*")
    }

    pub(crate) fn allows(&self, module: &str, used: &str) -> bool {
        self.layer(used) == 0 || self.allows_all(module) || self.row(module).may_use.iter().any(|known| known == used)
    }

    fn row(&self, module: &str) -> &Row {
        self.rows.iter().find(|row| row.module == module).unwrap()
    }
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let [layer, module, charter, may_use] = cells.as_slice() else { return None };
    Some(Row {
        layer: layer.parse().ok()?,
        module: module.trim_matches('`').to_owned(),
        charter: (*charter).to_owned(),
        may_use: may_use.split_whitespace().map(str::to_owned).collect(),
    })
}
