"""The command line: one thin file per command. `app.main` is the entry point."""
