"""What `-o json` prints: the documents of the command line, which are a contract."""
