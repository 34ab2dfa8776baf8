//! An owner who loses answers, and a thief who has copied a token: any story that they can tell.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::{Cause, GRACE, RefreshFault, World, family, grant};

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The owner refreshes; whether the answer arrives.
    Owner { arrives: bool },
    /// The thief copies what the owner has.
    Copy,
    /// The thief refreshes; whether the answer arrives.
    Thief { arrives: bool },
    /// So many milliseconds pass.
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => any::<bool>().prop_map(|arrives| Event::Owner { arrives }),
        2 => Just(Event::Copy),
        3 => any::<bool>().prop_map(|arrives| Event::Thief { arrives }),
        2 => (0..5_000_u64).prop_map(Event::Pass),
        1 => (10_000..20_000_u64).prop_map(Event::Pass),
    ]
}

/// Who has which token, and every token that was ever seen.
struct Story {
    world: World,
    owner: String,
    thief: Option<String>,
    seen: BTreeSet<String>,
}

impl Story {
    async fn begin() -> Self {
        let world = World::new();
        let owner = world.begin(grant()).await;
        let seen = BTreeSet::from([owner.clone()]);
        Self { world, owner, thief: None, seen }
    }

    /// Somebody uses a token, and has another one if the answer arrives.
    async fn used(&mut self, held: String, arrives: bool) -> String {
        match self.world.refresh(&held).await {
            Ok(next) => {
                self.seen.insert(next.clone());
                if arrives { next } else { held }
            }
            Err(RefreshFault::Reuse { .. } | RefreshFault::Revoked(Cause::Reuse)) => held,
            Err(other) => panic!("{other}"),
        }
    }

    async fn tell(&mut self, event: Event) {
        match event {
            Event::Owner { arrives } => self.owner = self.used(self.owner.clone(), arrives).await,
            Event::Copy => self.thief = Some(self.owner.clone()),
            Event::Thief { arrives } => {
                if let Some(held) = self.thief.take() {
                    self.thief = Some(self.used(held, arrives).await);
                }
            }
            Event::Pass(millis) => self.world.pass(Duration::from_millis(millis)),
        }
        let mut good = 0;
        for text in &self.seen {
            good += usize::from(self.world.is_active(text).await);
        }
        assert!(good <= 1, "{good} tokens are good at once");
    }

    async fn stands(&self) -> bool {
        self.world.families().stands(family(&self.owner)).await.unwrap()
    }
}

fn run<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(story)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn once_owner_and_thief_have_both_used_what_they_have_the_family_is_revoked(
        events in prop::collection::vec(event(), 0..24),
        owner_is_first in any::<bool>(),
    ) {
        run(async {
            let mut story = Story::begin().await;
            for event in events {
                story.tell(event).await;
            }
            if story.thief.is_none() {
                story.tell(Event::Copy).await;
            }
            let uses = [Event::Owner { arrives: true }, Event::Thief { arrives: true }];
            let order = if owner_is_first { [uses[0], uses[1]] } else { [uses[1], uses[0]] };
            for one in order {
                story.tell(Event::Pass(10_000)).await;
                story.tell(one).await;
            }
            assert!(!story.stands().await, "both go on");
            for text in &story.seen {
                let refused = story.world.refresh(text).await;
                assert_eq!(refused, Err(RefreshFault::Revoked(Cause::Reuse)));
            }
        });
    }

    #[test]
    fn an_owner_who_loses_answers_and_asks_again_within_the_grace_keeps_the_family(
        // For each refresh: how long before it, and after how long each time it is asked again.
        refreshes in prop::collection::vec((0..100_000_u64, prop::collection::vec(0..2_499_u64, 0..4)), 1..12),
    ) {
        run(async {
            let mut story = Story::begin().await;
            for (before, again) in refreshes {
                story.tell(Event::Pass(before)).await;
                for pause in again {
                    assert!(Duration::from_millis(pause * 4) < GRACE);
                    story.tell(Event::Owner { arrives: false }).await;
                    story.tell(Event::Pass(pause)).await;
                }
                let held = story.owner.clone();
                story.tell(Event::Owner { arrives: true }).await;
                assert_ne!(story.owner, held);
                assert!(story.world.is_active(&story.owner).await);
            }
            assert!(story.stands().await);
        });
    }
}
