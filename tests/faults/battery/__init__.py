"""Much small work over real services while everything that can break is broken, by a seeded plan."""
