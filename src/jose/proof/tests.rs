//! RFC 9449, section 4.3: which proofs are good for a request.
