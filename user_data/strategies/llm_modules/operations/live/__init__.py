"""`manage.sh live`: everything that has to hold, and be known, before real money is traded."""
