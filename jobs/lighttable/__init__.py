"""The light table: people see their pictures and results, and say what is wrong with them."""
