//! RFC 7523, sections 2.2 and 3: which assertions say who a client is.
