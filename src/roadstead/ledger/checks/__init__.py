"""What must be true of the books and of the rows beside them, as SQL that finds what is not."""
