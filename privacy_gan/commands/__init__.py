"""The command line: what each command does, how options are parsed and errors reported."""
