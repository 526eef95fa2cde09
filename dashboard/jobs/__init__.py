"""Work that joins the store with what is made of it; the command line and the app run it."""
