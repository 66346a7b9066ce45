//! The networks, one file each, and how weights get in and out of them.
