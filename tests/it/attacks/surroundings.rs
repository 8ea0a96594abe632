//! Surroundings: caches of other users, file systems with few abilities, umasks, full disks.
