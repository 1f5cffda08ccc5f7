"""The ground floor: nouns that two rooms or more use. Nothing here imports from `jobs`."""
