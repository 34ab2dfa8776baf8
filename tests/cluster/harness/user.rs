//! Who talks to the API server.

/// A user with a static token. What each may do is in `rbac.yaml`, or bound by the test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    /// The name that role bindings use; the token is the same word.
    pub(crate) name: &'static str,
    groups: &'static str,
}

impl User {
    /// May do everything.
    pub(crate) const ADMIN: Self = Self { name: "admin", groups: "system:masters" };
    /// A gateway, with exactly the rights that an installation has.
    pub(crate) const GATEWAY: Self = Self { name: "gateway", groups: "" };
    /// May do nothing but what a test binds.
    pub(crate) const STRANGER: Self = Self { name: "stranger", groups: "" };

    const ALL: [Self; 3] = [Self::ADMIN, Self::GATEWAY, Self::STRANGER];

    /// The file for `--token-auth-file`: token, user, uid, groups.
    pub(super) fn token_file() -> String {
        let line = |User { name, groups }| format!("{name},{name},{name},\"{groups}\"\n");
        Self::ALL.into_iter().map(line).collect()
    }
}
