//! Keeps the money in Lightning channels safe on a device that is mostly asleep.

pub mod protocol;
