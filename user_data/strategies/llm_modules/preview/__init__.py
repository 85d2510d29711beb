"""What the model would be shown now, exactly: nobody is asked, nothing is kept."""
