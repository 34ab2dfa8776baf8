//! Which endpoint is picked.

use super::pick;

/// Draws these places in turn.
fn draws(places: &'static [usize]) -> impl FnMut() -> usize {
    let mut places = places.iter().copied();
    move || places.next().expect("no more draws than stated")
}

#[test]
fn without_endpoints_there_is_none() {
    assert_eq!(pick(0, None, draws(&[]), |_| 0), None);
}

#[test]
fn a_single_endpoint_is_taken_even_if_it_just_failed() {
    assert_eq!(pick(1, Some(0), draws(&[]), |_| 0), Some(0));
}

#[test]
fn the_less_loaded_of_two_is_taken() {
    let loads = [5, 1, 0];
    for (drawn, expected) in [(&[0, 1], 1), (&[1, 0], 1), (&[0, 2], 2), (&[0, 0], 0)] {
        assert_eq!(pick(3, None, draws(drawn), |place| loads[place]), Some(expected), "{drawn:?}");
    }
}

#[test]
fn one_that_failed_is_left_for_its_neighbour() {
    assert_eq!(pick(3, Some(2), draws(&[2, 2]), |_| 0), Some(0));
    assert_eq!(pick(3, Some(1), draws(&[1, 1]), |_| 0), Some(2));
}
