"""The dream, live: engine, worlds, session, window, evaluation."""
