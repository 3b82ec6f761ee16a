//! The contracts of a close: HTLCs, their second level, breaches.

mod many;
