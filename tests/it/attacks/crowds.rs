//! Crowds: several larders at once, a lock holder that hangs, and runs that were interrupted.
