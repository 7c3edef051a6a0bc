"""The recipes, as the package `livestyle.recipes`."""
