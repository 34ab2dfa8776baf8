//! Which secrets of clients are taken, and what is kept of them.
