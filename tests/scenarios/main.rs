//! The scenarios of the design, each over every channel type and each with its restart twin.

mod close_kinds;
mod support;
