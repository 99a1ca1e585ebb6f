"""`python -m animekit` is the command line."""

from animekit.cli import main

if __name__ == "__main__":
    main()
