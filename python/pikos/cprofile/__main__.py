"""``python -m pikos.cprofile``."""

from pikos._launcher import main

if __name__ == "__main__":
    main()
