"""What rows of files say of lines that are known, or that other rows are of too."""
