"""Does the classifier use what a map shows: pixels removed and kept, and the answer watched."""
