//! What several verbs print, one file a subject. Text is made here and leaves by the [`crate::printer`].

pub mod doubts;
pub mod elsewhere;
pub mod explained;
pub mod figures;
pub mod findings;
pub mod folds;
pub mod many;
pub mod notes;
pub mod operation;
pub mod outcome;
pub mod own_films;
pub mod set_aside;
pub mod table;
pub mod training;
pub mod verdict;
