"""What must hold whatever happens: machinery for the tests here and for the long runs."""
