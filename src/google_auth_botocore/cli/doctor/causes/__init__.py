"""The rows of the table of true causes, by what is to blame."""
