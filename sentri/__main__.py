"""`python -m sentri`: the command line."""

from sentri.cli import main

if __name__ == "__main__":
    main()
