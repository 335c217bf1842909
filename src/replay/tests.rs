//! What must hold for journals.
