//! Model files in the formats of other programs, and the proof that they answer as the model does.
