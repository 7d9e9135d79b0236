"""The state-space recurrence behind one signature, in several implementations."""
