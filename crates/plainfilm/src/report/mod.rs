//! What a person reads: one self-contained page and its pictures.
