"""The numbers of a study, a file a stage; no files and no pictures."""
