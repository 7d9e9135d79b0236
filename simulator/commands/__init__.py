"""One file a subcommand: a frozen dataclass `Options` whose fields are the flags, and `run(options) -> exit code`."""
