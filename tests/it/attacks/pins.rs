//! Pins: artifacts that contradict the lock, the recipe or their own description.
