//! The tools as a whole: who sees what, and what each says of itself.
