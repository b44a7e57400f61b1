"""A party's own side of membership: its folder, its copy of the board, and what it does about what it reads there."""
