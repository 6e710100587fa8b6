"""Programs that try to be accepted, to read, to escape or to harm, each with the verdicts that are right for it."""
