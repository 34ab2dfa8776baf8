//! What is first, and what is remembered.
