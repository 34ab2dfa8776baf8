//! One task for each thing that is wanted, for as long as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::tasks::Tasks;

/// What is wanted, and the cell to keep filled. As many as the snapshot names.
pub(super) type Wanted<K, C> = Vec<(K, Arc<C>)>;

/// Runs `keep` for each item that is wanted, in a task called `name`. A task ends when its item is no longer wanted, or
/// is wanted in another cell; all end when nobody can want anything any more. Tasks share nothing, so none waits for
/// another.
pub(super) async fn keep_each<K, C, F>(
    name: &'static str,
    mut wanted: watch::Receiver<Arc<Wanted<K, C>>>,
    keep: impl Fn(K, Arc<C>) -> F,
) where
    K: Ord + Clone,
    F: Future<Output = ()> + Send + 'static,
{
    let mut kept: BTreeMap<K, (Arc<C>, Tasks)> = BTreeMap::new();
    loop {
        let now: BTreeMap<K, Arc<C>> = wanted.borrow_and_update().iter().cloned().collect();
        // Dropping a task's owner ends it.
        kept.retain(|key, (cell, _)| now.get(key).is_some_and(|wanted| Arc::ptr_eq(wanted, cell)));
        for (key, cell) in now {
            kept.entry(key.clone()).or_insert_with(|| {
                let mut tasks = Tasks::new();
                tasks.spawn(name, keep(key, Arc::clone(&cell)));
                (cell, tasks)
            });
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}
