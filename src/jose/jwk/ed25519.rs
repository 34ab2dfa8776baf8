//! Recognises Ed25519 public keys that are no secret's: points whose order divides 8.
//!
//! Verification multiplies the key by a hash of the message. Where that always, or every eighth time, gives the neutral
//! element, whoever likes can write a signature that holds. Libraries do not look, since no generator makes such a key.

/// Every encoding of such a point, but for the sign in the last byte's top bit: the points of order 4, 1, 8, 8 and 2, and
/// the two that spell the first two with a coordinate not reduced (RFC 8032, section 5.1.3, forbids it, decoders differ).
const SMALL_ORDER: [[u8; 32]; 7] = [
    padded(0, 0, 0),
    padded(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    padded(0xec, 0xff, 0x7f),
    padded(0xed, 0xff, 0x7f),
    padded(0xee, 0xff, 0x7f),
];

/// A first byte, thirty of one kind, and a last byte.
const fn padded(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    let [head, .., tail] = &mut bytes;
    *head = first;
    *tail = last;
    bytes
}

/// Whether the encoded point is one of them.
pub(super) fn is_of_small_order(point: &[u8]) -> bool {
    SMALL_ORDER.iter().any(|small| match (small.split_last(), point.split_last()) {
        (Some((last, rest)), Some((own_last, own_rest))) => rest == own_rest && *last == own_last & 0x7f,
        _ => false,
    })
}
