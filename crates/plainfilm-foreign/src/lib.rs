//! Models that other programs made: what they take and give, and their probabilities for films.
